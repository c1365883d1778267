"""Boxes, of which AVIF, HEIC, JPEG 2000 and JPEG XL files are made (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks

_AVIF = frozenset([b"avif", b"avis"])
_HEIC = frozenset([b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"])


def brand(head: bytes) -> str | None:
    """``avif``, ``heic`` or ``cr3`` from the first kilobytes; None when the file is of no such kind."""
    found = brands(head)
    if found[:1] == [b"crx "]:
        return "cr3"
    if any(name in _AVIF for name in found):
        return "avif"
    return "heic" if any(name in _HEIC for name in found) else None


def brands(head: bytes) -> list[bytes]:
    """The brand of a file and those that it is compatible with."""
    if head[4:8] != b"ftyp" or len(head) < 16:
        return []
    length = struct.unpack(">I", head[:4])[0]
    return [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head), 256), 4))]


def top_boxes(blocks: Blocks) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of the body of each box of a file."""
    position = 0
    for _ in range(64):
        head = blocks.at(position, 16)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head[:8])
        skip = 8
        if length == 1 and len(head) == 16:
            length, skip = struct.unpack(">Q", head[8:])[0], 16
        if length == 0:
            length = blocks.size - position
        if length < skip:
            raise ImageError(
                "corrupt", f"Expected a box length of {skip} or more, but received {length}."
            )
        yield name, position + skip, length - skip
        position += length
    return


def boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each box inside a box."""
    position = 0
    while position + 8 <= len(body):
        length, name = struct.unpack(">I4s", body[position : position + 8])
        length = length or len(body) - position
        if length < 8:
            return
        yield name, body[position + 8 : position + length]
        position += length
