"""The EXIF block that goes into an output: all facts of the source, its copyright alone, or as a TIFF's own tags; and
the whole XMP and IPTC of the source, where all of it is kept.

EXIF is written anew and never copied, so that nothing in it contradicts the new pixels: the thumbnail, the old size and
the old colour space are gone, the orientation is 1, and no damage of the source comes along.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mrimage.image.tags.directory import Directory, Field, Tree
from mrimage.image.tags.exif import (
    ARTIST,
    COLOR_SPACE,
    COPYRIGHT,
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    INTEROP_DIRECTORY,
    MAKE,
    MODEL,
    ORIENTATION,
    SOFTWARE,
)
from mrimage.image.tags.rights import LONGEST_TEXT, Rights, iim_of

_DESCRIPTION, _CHANGED, _HOST, _RATING, _NOTE = 0x10E, 0x132, 0x13C, 0x4746, 0x927C
_RESOLUTION = (0x11A, 0x11B, 0x128)
_WINDOWS, _IPTC = range(0x9C9B, 0x9CA0), 0x83BB
_DESCRIPTIVE = (_DESCRIPTION, MAKE, MODEL, SOFTWARE, _CHANGED, ARTIST, _HOST, _RATING, COPYRIGHT)
_KEPT = frozenset((*_DESCRIPTIVE, *_RESOLUTION, *_WINDOWS))
_STALE = frozenset((COLOR_SPACE, INTEROP_DIRECTORY, 0xA002, 0xA003))
"""Colour space and size of the pixels that were: outputs say theirs by profile and header."""

LONGEST = 65_000
"""Bytes of a block; a JPEG's segment holds no more. Over it the camera maker's own note is left out."""


_PACKET = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")
_CONTINUED = re.compile(
    rb"<(xmpNote:HasExtendedXMP)>.*?</\1>|xmpNote:HasExtendedXMP=([\"']).*?\2", re.DOTALL
)


@dataclass
class _Branch:
    fields: dict[int, Field] = field(default_factory=dict)
    branches: dict[int, _Branch] = field(default_factory=dict)


def whole_block(tree: Tree, rights: Rights) -> bytes | None:
    """The descriptive tags of ``tree`` with its EXIF and GPS directories, upright, and the artist and copyright of
    ``rights``; None when there are none."""
    first = tree.first
    root = _Branch({tag: value for tag, value in first.fields().items() if tag in _KEPT})
    root.fields |= _credits(rights)
    if ORIENTATION in first:
        root.fields[ORIENTATION] = (3, 1, struct.pack("<H", 1))
    for pointer in (EXIF_DIRECTORY, GPS_DIRECTORY):
        found = first.directory(pointer)
        fields = (
            {tag: value for tag, value in found.fields().items() if tag not in _STALE}
            if found
            else {}
        )
        if fields:
            root.branches[pointer] = _Branch(fields)
    if not root.fields and not root.branches:
        return None
    block = _block(root)
    if len(block) > LONGEST and EXIF_DIRECTORY in root.branches:
        root.branches[EXIF_DIRECTORY].fields.pop(_NOTE, None)
        block = _block(root)
    return block if len(block) <= LONGEST else None


def copyright_block(rights: Rights) -> bytes | None:
    """The artist and the copyright of ``rights`` alone; None without either."""
    fields = _credits(rights)
    return _block(_Branch(fields)) if fields else None


def joined(first: Tree, detail: Tree | None, gps: Tree | None) -> bytes:
    """One block of three whose first directories are EXIF's first, its detail and its GPS directory."""
    root = _Branch(first.first.fields())
    for pointer, tree in ((EXIF_DIRECTORY, detail), (GPS_DIRECTORY, gps)):
        if tree is not None:
            root.fields.pop(pointer, None)
            root.branches[pointer] = _Branch(tree.first.fields())
    return _block(root)


def _credits(rights: Rights) -> dict[int, Field]:
    given = (
        (ARTIST, "; ".join(rights.get("dc:creator", ()))),
        (COPYRIGHT, "".join(rights.get("dc:rights", ()))),
    )
    texts = {tag: text[:LONGEST_TEXT].encode() + b"\x00" for tag, text in given if text}
    return {tag: (2, len(text), text) for tag, text in texts.items()}


def whole_packet(places: Iterable[bytes]) -> bytes | None:
    """The XMP of the source as it is, but upright, and without the word that more of it follows elsewhere."""
    found = next(filter(None, map(_PACKET.search, places)), None)
    if found is None or len(found[0]) > LONGEST:
        return None
    return _CONTINUED.sub(b"", _ORIENTATION.sub(rb"\g<1>1", found[0]))


def whole_iptc(places: Iterable[bytes]) -> bytes | None:
    """The IPTC of the source as it is."""
    found = next(filter(None, map(iim_of, places)), None)
    return found if found is not None and len(found) <= LONGEST else None


def into_tiff(file: bytes, block: bytes | None, iptc: bytes | None) -> bytes:
    """A little-endian TIFF ``file`` with the tags of the EXIF ``block`` and with ``iptc`` in its first directory, which
    moves to the end."""
    tree = Tree(lambda start, length: file[start : start + length])
    if tree.big or tree.order != "<" or not (block or iptc):
        return file
    root = (
        _branch(Tree(lambda start, length: block[start : start + length]).first)
        if block
        else _Branch()
    )
    if iptc:
        root.fields[_IPTC] = 7, len(iptc), iptc
    file += b"\x00" * (len(file) & 1)
    moved = _written(root, len(file), tree.first.entries(), tree.first.next)
    return file[:4] + struct.pack("<I", len(file)) + file[8:] + moved


def _branch(directory: Directory) -> _Branch:
    found = _Branch(directory.fields())
    for pointer in (EXIF_DIRECTORY, GPS_DIRECTORY):
        below = directory.directory(pointer)
        if below is not None:
            del found.fields[pointer]
            found.branches[pointer] = _branch(below)
    return found


def _block(root: _Branch) -> bytes:
    return b"II*\x00\x08\x00\x00\x00" + _written(root, 8)


def _written(
    branch: _Branch, at: int, beside: Mapping[int, bytes] | None = None, following: int = 0
) -> bytes:
    """The directory as little-endian bytes for offset ``at``, its values and branches behind it. ``beside`` are
    finished 12-byte entries of other tags."""
    beside = beside or {}
    tags = sorted({*branch.fields, *branch.branches, *beside})
    table, heap, start = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag in tags:
        if tag in branch.fields:
            kind, count, value = branch.fields[tag]
        elif tag in branch.branches:
            kind, count, value = 4, 1, struct.pack("<I", start + len(heap))
            heap += _written(branch.branches[tag], start + len(heap))
        else:
            table += beside[tag]
            continue
        if len(value) > 4:
            value, place = struct.pack("<I", start + len(heap)), value
            heap += place + b"\x00" * (len(place) & 1)
        table += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\x00")
    return struct.pack("<H", len(tags)) + table + struct.pack("<I", following) + heap
