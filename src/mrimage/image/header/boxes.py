"""The boxes that AVIF, HEIC, JPEG 2000 and JPEG XL files consist of (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.numbers import number_at

_AVIF = frozenset([b"avif", b"avis"])
_HEIC = frozenset(
    [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"mif2", b"mif3", b"msf1"]
)
_OTHER_HEIF = frozenset(
    [b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis", b"evbi", b"unif"]
)
"""Brands of HEIF files in codings that no decoder here reads; the error then names the coding."""

_MOST_BOXES = 64
"""Real files have about ten top-level boxes."""

_LONGEST_BRANDS = 256
"""Bytes of the ``ftyp`` box in which brands are searched."""


def brand(head: bytes) -> str | None:
    """Return ``avif``, ``heic`` or ``cr3`` from a file's first kilobytes; None for other files."""
    found = brands(head)
    if found[:1] == [b"crx "]:
        return "cr3"
    if not _AVIF.isdisjoint(found):
        return "avif"
    if not _HEIC.isdisjoint(found) or not _OTHER_HEIF.isdisjoint(found):
        return "heic"
    return None


def brands(head: bytes) -> list[bytes]:
    """Return the major brand of a file, then its compatible brands; nothing without ``ftyp``."""
    if head[4:8] != b"ftyp" or len(head) < 16:
        return []
    length = number_at(head, 0, 4)
    end = min(length, len(head), _LONGEST_BRANDS)
    # Bytes 12 to 15 are the minor version.
    starts = (8, *range(16, end, 4))
    return [head[start : start + 4] for start in starts]


def top_boxes(blocks: Blocks) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each top-level box, and the start and the length in bytes of its body.

    Raises ImageError ``corrupt`` for a box that is shorter than its own header.
    """
    position = 0
    for _ in range(_MOST_BOXES):
        head = blocks.at(position, 16)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head[:8])
        skip = 8
        # A length of 1 announces a 64-bit length after the name; 0 reaches to the end of the file.
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
            skip = 16
        if length == 0:
            length = blocks.size - position
        if length < skip:
            raise ImageError(
                "corrupt",
                f"A box of the file says it has {length} bytes, but its header has {skip}.",
            )
        yield name, position + skip, length - skip
        position += length


def boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the body of each box inside a box, up to the first damaged one."""
    position = 0
    while position + 8 <= len(body):
        length, name = struct.unpack(">I4s", body[position : position + 8])
        if length == 0:
            length = len(body) - position
        if length < 8:
            return
        yield name, body[position + 8 : position + length]
        position += length
