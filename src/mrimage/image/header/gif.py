"""GIF: the blocks of the file, whose pixels are stepped over (GIF89a specification)."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

_IMAGE, _EXTENSION, _TRAILER, _CONTROL = 0x2C, 0x21, 0x3B, 0xF9


def read_gif(blocks: Blocks) -> Header:
    """Size, depth of the color table, transparency and number of frames, for which the whole file is walked through.

    A file that ends early has the frames that are there.
    """
    width, height, flags = struct.unpack("<HHB", blocks.need(6, 5))
    position = 13 + _table(flags)
    first, transparent, frames = None, False, 0
    while True:
        kind = blocks.at(position, 1)
        if kind == bytes([_EXTENSION]):
            control = blocks.at(position + 1, 3)
            if frames == 0 and len(control) == 3 and control[0] == _CONTROL:
                transparent = bool(control[2] & 1)
            position = _behind(blocks, position + 2)
        elif kind == bytes([_IMAGE]):
            body = blocks.at(position + 1, 9)
            if len(body) < 9:
                break
            first = body[8] if first is None else first
            frames += 1
            position = _behind(blocks, position + 11 + _table(body[8]))
        else:
            break
    if first is None:
        raise ImageError("truncated", "Expected a frame in the GIF, but it ends before one.")
    tables = first if first & 0x80 else flags
    depth = (tables & 7) + 1 if tables & 0x80 else 8
    header = Header("gif", width, height, 1, depth, "palette", transparent, frames=frames)
    header.progressive = bool(first & 0x40)
    return header


def _table(flags: int) -> int:
    """Bytes of the color table that ``flags`` announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind(blocks: Blocks, position: int) -> int:
    """The position behind a chain of sub-blocks, each of which begins with its length."""
    while length := blocks.at(position, 1):
        position += 1 + length[0]
        if not length[0]:
            break
    return position
