"""SGI images (``.sgi``, ``.rgb``, ``.bw``): 512 bytes before the pixels (The SGI Image File Format, version 1.00)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model

START = 512
"""Where the pixels of a plain file begin, and the tables of a packed one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """``packed`` says that rows are packed in runs; ``wide`` is the bytes of a sample, 1 or 2."""

    packed: bool
    wide: int
    width: int
    height: int
    channels: int


def layout_of(head: bytes) -> Layout:
    """The layout in the first bytes of a file. Raises ImageError."""
    storage, wide, dimensions, width, height, channels = struct.unpack(">BBHHHH", head[2:12])
    colors = struct.unpack(">I", head[104:108])[0]
    if dimensions < 3:
        channels = 1
    if dimensions < 2:
        height = 1
    if colors != 0 or not 1 <= channels <= 4:
        raise ImageError(
            "unsupported", f"Expected 1 to 4 channels in the SGI image, but received {channels}."
        )
    return Layout(storage == 1, wide, width, height, channels)


def read_sgi(blocks: Blocks) -> Header:
    """Size and layout."""
    layout = layout_of(blocks.need(0, 108))
    model: Model = "gray" if layout.channels < 3 else "rgb"
    alpha = layout.channels in (2, 4)
    return Header(
        "sgi", layout.width, layout.height, layout.channels, 8 * layout.wide, model, alpha
    )
