"""PPM of more than 8 bits, which Pillow cuts to 8, PFM, of which Pillow reads only gray, and PAM."""

from __future__ import annotations

import numpy as np

from mrimage.image.decode.arrays import Array
from mrimage.image.decode.padding import filled, spread
from mrimage.image.header import ppm
from mrimage.types import Limits

_HEAD = 4096
"""Bytes in which the header ends."""


def decode_netpbm(data: bytes, limits: Limits) -> Array | None:
    """uint8, uint16 or float32 H x W x bands; None for what Pillow reads whole. Raises ImageError."""
    layout = ppm.layout_of(data[:_HEAD])
    if layout.floating:
        values = _values(data, layout, "<f4" if layout.top < 0 else ">f4", limits)
        return np.ascontiguousarray(values[::-1], dtype=np.float32)  # Rows go from bottom to top.
    if layout.kind != "P7" and (layout.kind != "P6" or layout.top < 256):
        return None
    stored = ">u2" if layout.top > 255 else ">u1"
    return spread(_values(data, layout, stored, limits), int(layout.top))


def _values(data: bytes, layout: ppm.Layout, stored: str, limits: Limits) -> Array:
    """The numbers of a binary file in rows, as they are ``stored`` (a type of numpy's)."""
    count = layout.width * layout.height * layout.bands
    length = count * np.dtype(stored).itemsize
    values = np.frombuffer(filled(data[layout.start :], length, limits), stored)
    return values.reshape(layout.height, layout.width, layout.bands)
