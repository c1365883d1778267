"""The composite of a Photoshop file, small (PSD) or large (PSB), of 8, 16 or 32 bits."""

from __future__ import annotations

import struct

import numpy as np

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array, Picture, from_array
from mrimage.image.decode.decoder_errors import decoder_errors
from mrimage.image.decode.lab import lab_picture
from mrimage.image.decode.padding import filled
from mrimage.image.header import psd
from mrimage.image.header.model import Header
from mrimage.types import Limits

_PLAIN, _PACKED = 0, 1
"""How the planes of the composite are stored: as they are, or by PackBits."""


def decode_photoshop(data: bytes, header: Header, limits: Limits) -> Picture:
    """The pixels of the composite as stored. Raises ImageError.

    Bitmaps and palettes are not read here but by Pillow.
    """
    layout = psd.layout_of(Blocks.of(data))
    image = from_array(_pixels(data, header, layout, limits))
    if header.model == "lab":
        return lab_picture(image, signed=False)
    # 32 bits are linear light: in the colors of their profile, or without one in sRGB's (scRGB).
    linear = layout.depth == 32 and header.model == "rgb" and header.icc is None
    return image.copy(interpretation="scrgb") if linear else image


def _pixels(data: bytes, header: Header, layout: psd.Layout, limits: Limits) -> Array:
    """H x W x bands of uint8, uint16 or float32."""
    count = layout.colors + layout.transparent
    stored = {8: "u1", 16: ">u2", 32: ">f4"}[layout.depth]
    planes = _planes(data[layout.start :], header, layout, limits)
    pixels = (
        np.stack([np.frombuffer(plane, stored) for plane in planes], axis=-1)
        .reshape(layout.height, layout.width, count)
        .astype(stored.lstrip(">"))
    )
    if layout.model == "cmyk":
        pixels[..., :4] = ~pixels[..., :4]  # Adobe stores how much paper is seen.
    return np.ascontiguousarray(pixels)


def _planes(body: bytes, header: Header, layout: psd.Layout, limits: Limits) -> list[bytes]:
    """The channels of color and transparency, each as the bytes of its rows from top to bottom."""
    count = layout.colors + layout.transparent
    method, body = int.from_bytes(body[:2], "big"), body[2:]
    if method == _PLAIN:
        size = layout.width * layout.height * layout.depth // 8
        body = filled(body, size * count, limits)
        return [body[at : at + size] for at in range(0, size * count, size)]
    if method == _PACKED:
        return _unpacked(body, header, layout, limits)
    raise ImageError(
        "unsupported",
        f"Expected plain or packed pixels in the Photoshop file, but received {method}.",
    )


def _unpacked(body: bytes, header: Header, layout: psd.Layout, limits: Limits) -> list[bytes]:
    """The same of PackBits: the packed length of every row stands before the rows."""
    from PIL import Image

    row, size = layout.width * layout.depth // 8, layout.width * layout.height * layout.depth // 8
    rows, wide = layout.height * layout.channels, 4 if layout.large else 2
    lengths = struct.unpack(
        f">{rows}{'I' if layout.large else 'H'}", filled(body, rows * wide, limits)
    )
    position, planes = rows * wide, []
    for channel in range(layout.colors + layout.transparent):
        length = min(
            sum(lengths[channel * layout.height : (channel + 1) * layout.height]), 2 * size + rows
        )
        packed = filled(body[position : position + length], length, limits)
        if limits.allow_truncated:
            packed += b"\x00" * 2 * size  # runs of one zero
        with decoder_errors(body, header):
            plane = Image.frombytes("L", (row, layout.height), packed, "packbits", "L")
        planes.append(plane.tobytes())
        position += length
    return planes
