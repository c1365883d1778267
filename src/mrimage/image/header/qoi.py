"""QOI: 14 bytes before the pixels (https://qoiformat.org/qoi-specification.pdf)."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

END = b"\x00" * 7 + b"\x01"
"""The bytes after the last pixel."""


def read_qoi(blocks: Blocks) -> Header:
    """Read size and alpha. Raises ImageError ``corrupt`` for an impossible number of channels."""
    # The byte after these says whether the values are linear. Most writers set it at random, so
    # every viewer ignores it.
    width, height, channels = struct.unpack(">IIB", blocks.need(4, 9))
    if channels not in (3, 4):
        raise ImageError(
            "corrupt", f"A QOI image has 3 or 4 channels, but this one has {channels}."
        )
    return Header("qoi", width, height, channels, 8, "rgb", channels == 4)
