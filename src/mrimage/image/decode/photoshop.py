"""The composite image of a PSD, or of a PSB (its large variant), of 8, 16 or 32 bits a sample."""

from __future__ import annotations

import struct

import numpy as np

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array, Picture, from_array
from mrimage.image.decode.decoder_errors import decoder_errors
from mrimage.image.decode.lab import lab_picture
from mrimage.image.decode.samples import first_bytes
from mrimage.image.header import psd
from mrimage.image.header.model import Header
from mrimage.types import Limits

_RAW = 0
"""Compression: none."""

_PACKBITS = 1
"""Compression: every row by PackBits."""

_TYPES = {8: "u1", 16: ">u2", 32: ">f4"}
"""The numpy type of a stored sample by its bits."""


def decode_photoshop(data: bytes, header: Header, limits: Limits) -> Picture:
    """The pixels of the composite as stored. Raises ImageError.

    Pillow reads bitmaps and palettes, this function everything else.
    """
    layout = psd.layout_of(Blocks.of(data))
    image = from_array(_pixels(data, header, layout, limits))
    if header.model == "lab":
        return lab_picture(image, signed=False)
    # 32-bit samples are linear light in the colors of the profile; without a profile, in those of
    # sRGB (scRGB).
    linear_srgb = layout.depth == 32 and header.model == "rgb" and header.icc is None
    return image.copy(interpretation="scrgb") if linear_srgb else image


def _pixels(data: bytes, header: Header, layout: psd.Layout, limits: Limits) -> Array:
    """H x W x bands of uint8, uint16 or float32."""
    stored_type = _TYPES[layout.depth]
    planes = [
        np.frombuffer(plane, stored_type)
        for plane in _planes(data[layout.start :], header, layout, limits)
    ]
    stored = np.stack(planes, axis=-1).reshape(layout.height, layout.width, len(planes))
    pixels = stored.astype(stored_type.lstrip(">"))
    if layout.model == "cmyk":
        pixels[..., :4] = ~pixels[..., :4]  # Adobe stores inverted CMYK: 0 is full ink.
    return np.ascontiguousarray(pixels)


def _planes(body: bytes, header: Header, layout: psd.Layout, limits: Limits) -> list[bytes]:
    """The channels of color and transparency, each as the bytes of its rows from top to bottom."""
    compression = int.from_bytes(body[:2], "big")
    body = body[2:]
    if compression == _RAW:
        count = layout.colors + layout.transparent
        size = layout.width * layout.height * layout.depth // 8
        body = first_bytes(body, size * count, limits)
        return [body[at : at + size] for at in range(0, size * count, size)]
    if compression == _PACKBITS:
        return _unpacked(body, header, layout, limits)
    raise ImageError(
        "unsupported",
        "The pixels of a Photoshop file need compression 0 (none) or 1 (PackBits), "
        f"but this file has {compression}.",
    )


def _unpacked(body: bytes, header: Header, layout: psd.Layout, limits: Limits) -> list[bytes]:
    """The same from PackBits, where a table of the packed length of every row comes first."""
    row_count = layout.height * layout.channels
    length_type = "I" if layout.large else "H"
    length_size = 4 if layout.large else 2
    table = first_bytes(body, row_count * length_size, limits)
    lengths = struct.unpack(f">{row_count}{length_type}", table)
    position = len(table)
    planes = []
    for channel in range(layout.colors + layout.transparent):
        first = channel * layout.height
        length = sum(lengths[first : first + layout.height])
        # No packed plane is this long, so a greater length is damage. The bound keeps memory small.
        length = min(length, 2 * _plane_size(layout) + row_count)
        packed = first_bytes(body[position : position + length], length, limits)
        planes.append(_unpacked_plane(packed, header, layout, limits))
        position += length
    return planes


def _unpacked_plane(packed: bytes, header: Header, layout: psd.Layout, limits: Limits) -> bytes:
    from PIL import Image

    if limits.allow_truncated:
        # Pillow refuses a plane that ends too soon. Pairs of zeros are runs of one zero.
        packed += b"\x00" * 2 * _plane_size(layout)
    # The decoder sees bytes, not samples: as a gray image whose rows are as long as those of the
    # plane.
    size = (layout.width * layout.depth // 8, layout.height)
    with decoder_errors(packed, header):
        return Image.frombytes("L", size, packed, "packbits", "L").tobytes()


def _plane_size(layout: psd.Layout) -> int:
    """Bytes of one unpacked channel."""
    return layout.width * layout.height * layout.depth // 8
