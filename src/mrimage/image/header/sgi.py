"""SGI images (``.sgi``, ``.rgb``, ``.bw``): 512 bytes before the pixels.

Source: The SGI Image File Format, version 1.00.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header
from mrimage.image.header.numbers import number_at

START = 512
"""The byte at which the pixels of a plain file begin, or the tables of a packed one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples lie in the file.

    ``packed`` rows are run-length encoded; ``wide`` is the bytes of a sample, 1 or 2.
    """

    packed: bool
    wide: int
    width: int
    height: int
    channels: int


def layout_of(head: bytes) -> Layout:
    """Return the layout from the first 108 bytes or more of a file.

    Raises ImageError ``unsupported`` for more than 4 channels and for color maps.
    """
    storage, wide, dimensions, width, height, channels = struct.unpack(">BBHHHH", head[2:12])
    color_map = number_at(head, 104, 4)
    if dimensions < 3:
        channels = 1
    if dimensions < 2:
        height = 1
    if color_map != 0 or not 1 <= channels <= 4:
        raise ImageError(
            "unsupported",
            "Only SGI images with 1 to 4 channels and without a color map can be read, but this "
            f"one has {channels} channels and color map {color_map}.",
        )
    return Layout(storage == 1, wide, width, height, channels)


def read_sgi(blocks: Blocks) -> Header:
    """Read size and layout. Raises what ``layout_of`` raises."""
    layout = layout_of(blocks.need(0, 108))
    return Header(
        "sgi",
        layout.width,
        layout.height,
        bands=layout.channels,
        bit_depth=8 * layout.wide,
        model="gray" if layout.channels < 3 else "rgb",
        has_alpha=layout.channels in (2, 4),
    )
