"""QOI: 14 bytes before the pixels (https://qoiformat.org/qoi-specification.pdf)."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

END = b"\x00" * 7 + b"\x01"
"""What stands behind the last pixel."""


def read_qoi(blocks: Blocks) -> Header:
    """Size and alpha. The byte that may call the numbers linear is left alone, as by every viewer: most writers set it
    at random."""
    width, height, channels = struct.unpack(">IIB", blocks.need(4, 9))
    if channels not in (3, 4):
        raise ImageError(
            "corrupt", f"Expected 3 or 4 channels in the QOI image, but received {channels}."
        )
    return Header("qoi", width, height, channels, 8, "rgb", channels == 4)
