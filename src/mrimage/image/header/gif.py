"""GIF: the blocks of the file, whose pixels are stepped over (GIF89a specification)."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

_IMAGE, _EXTENSION, _CONTROL = 0x2C, 0x21, 0xF9
_IN_ONE_READ = 64 << 20
"""Bytes up to which a remote file is fetched at once, for all of it will be looked at."""


def read_gif(blocks: Blocks) -> Header:
    """Size, depth of the color table, transparency and number of frames, for which the whole file is walked through.

    A first frame that is larger than the screen makes the picture larger, as in every viewer. A file that ends early
    has the frames that are there.
    """
    width, height, flags = struct.unpack("<HHB", blocks.need(6, 5))
    if blocks.size < _IN_ONE_READ:
        blocks.at(0, blocks.size)
    position = 13 + _table(flags)
    first, transparent, frames = b"", False, 0
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
            first = first or body
            frames += 1
            position = _behind(blocks, position + 11 + _table(body[8]))
        else:
            break
    if not first:
        raise ImageError("truncated", "Expected a frame in the GIF, but it ends before one.")
    left, top, wide, high, own = struct.unpack("<4HB", first)
    tables = own if own & 0x80 else flags
    depth = (tables & 7) + 1 if tables & 0x80 else 8
    header = Header(
        "gif", max(width, left + wide), max(height, top + high), 1, depth, "palette", transparent
    )
    header.frames, header.progressive = frames, bool(own & 0x40)
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
