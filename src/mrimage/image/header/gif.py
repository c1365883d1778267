"""GIF: the blocks of the file, without its pixels (GIF89a specification)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_TEXT, Header

_IMAGE = 0x2C
_EXTENSION = 0x21
_CONTROL = 0xF9
"""Label of the Graphic Control Extension."""

_XMP = b"\x0bXMP DataXMP"
"""Head of the application extension with an XMP packet (XMP specification, part 3, 1.1.2)."""

_IN_ONE_READ = 64 << 20
"""Bytes. A smaller file is fetched in one read, because counting the frames needs all of it."""

_HAS_TABLE = 0x80
_INTERLACED = 0x40


@dataclass(slots=True)
class _Findings:
    """What a walk through the blocks has found; ``first`` describes the first frame."""

    first: bytes = b""
    frames: int = 0
    transparent: bool = False
    xmp: bytes | None = None


def read_gif(blocks: Blocks) -> Header:
    """Read size, depth of the color table, transparency, XMP and the number of frames.

    A first frame larger than the screen enlarges the image, as in every viewer. A file that ends
    early has the frames that are there. Raises ImageError ``truncated`` without any.
    """
    width, height, flags = struct.unpack("<HHB", blocks.need(6, 5))
    if blocks.size < _IN_ONE_READ:
        blocks.at(0, blocks.size)
    found = _walk(blocks, 13 + _table(flags))
    if not found.first:
        raise ImageError("truncated", "The GIF ends before its first frame.")
    left, top, frame_width, frame_height, own_flags = struct.unpack("<4HB", found.first)
    header = Header(
        "gif",
        max(width, left + frame_width),
        max(height, top + frame_height),
        1,
        _depth(own_flags if own_flags & _HAS_TABLE else flags),
        "palette",
        found.transparent,
    )
    header.frames = found.frames
    header.progressive = bool(own_flags & _INTERLACED)
    header.xmp = found.xmp
    return header


def _walk(blocks: Blocks, position: int) -> _Findings:
    """Step through the blocks from ``position`` to the trailer or the end of the file."""
    found = _Findings()
    while True:
        introducer = blocks.at(position, 1)
        if introducer == bytes([_EXTENSION]):
            _read_extension(found, blocks, position)
            position = _after_sub_blocks(blocks, position + 2)
        elif introducer == bytes([_IMAGE]):
            descriptor = blocks.at(position + 1, 9)
            if len(descriptor) < 9:
                return found
            found.first = found.first or descriptor
            found.frames += 1
            # The byte before the sub-blocks is the code size of LZW.
            data = position + 11 + _table(descriptor[8])
            position = _after_sub_blocks(blocks, data)
        else:
            return found


def _read_extension(found: _Findings, blocks: Blocks, position: int) -> None:
    """Add the first frame's transparency or the first XMP packet to ``found``."""
    control = blocks.at(position + 1, 3)
    is_whole = len(control) == 3
    if found.frames == 0 and is_whole and control[0] == _CONTROL:
        found.transparent = bool(control[2] & 1)
    if found.xmp is not None:
        return
    application = position + 2
    if blocks.at(application, len(_XMP)) == _XMP:
        found.xmp = _packet(blocks, application + len(_XMP))


def _packet(blocks: Blocks, position: int) -> bytes:
    """Return the XMP packet that begins at ``position``.

    Its text is not in sub-blocks. Readers that take it for such still find its end: the 258 bytes
    after it lead from any position to the terminator.
    """
    end = _after_sub_blocks(blocks, position)
    length = min(end - position, LONGEST_TEXT)
    return blocks.at(position, length)


def _depth(flags: int) -> int:
    """Return the bits of an index into the color table that ``flags`` announce."""
    if flags & _HAS_TABLE:
        return (flags & 7) + 1
    return 8


def _table(flags: int) -> int:
    """Return the bytes of the color table that ``flags`` announce."""
    if flags & _HAS_TABLE:
        return 3 << ((flags & 7) + 1)
    return 0


def _after_sub_blocks(blocks: Blocks, position: int) -> int:
    """Return the position after a chain of sub-blocks, each of which begins with its length."""
    while length := blocks.at(position, 1):
        position += 1 + length[0]
        if length[0] == 0:
            break
    return position
