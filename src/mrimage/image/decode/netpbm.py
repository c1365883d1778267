"""PPM of more than 8 bits, color PFM and PAM, which Pillow does not read in full."""

from __future__ import annotations

import numpy as np

from mrimage.image.decode.arrays import Array
from mrimage.image.decode.samples import first_bytes, to_full_range
from mrimage.image.header import ppm
from mrimage.types import Limits

_HEAD = 4096
"""The header must end within this many bytes."""


def decode_netpbm(data: bytes, limits: Limits) -> Array | None:
    """H x W x bands of uint8, uint16 or float32; None if Pillow reads all of the file.

    Raises ImageError.
    """
    layout = ppm.layout_of(data[:_HEAD])
    if layout.floating:
        type = "<f4" if layout.top < 0 else ">f4"
        values = _values(data, layout, type, limits)
        top_to_bottom = values[::-1]  # PFM stores the bottom row first.
        return np.ascontiguousarray(top_to_bottom, dtype=np.float32)
    is_sixteen_bit_ppm = layout.kind == "P6" and layout.top > 255
    if layout.kind != "P7" and not is_sixteen_bit_ppm:
        return None
    type = ">u2" if layout.top > 255 else ">u1"
    values = _values(data, layout, type, limits)
    return to_full_range(values, int(layout.top))


def _values(data: bytes, layout: ppm.Layout, type: str, limits: Limits) -> Array:
    """The values of a binary file as stored, H x W x bands of the numpy type ``type``."""
    count = layout.width * layout.height * layout.bands
    length = count * np.dtype(type).itemsize
    body = first_bytes(data[layout.start :], length, limits)
    values = np.frombuffer(body, type)
    return values.reshape(layout.height, layout.width, layout.bands)
