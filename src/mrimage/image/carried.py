"""The EXIF block that goes into an output: all facts of the source, its copyright alone, or as a TIFF's own tags.

Blocks are written anew and never copied, so that nothing in them contradicts the new pixels: the thumbnail, the old
size and the old colour space are gone, the orientation is 1, and no damage of the source comes along.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mrimage.image.exif import (
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
    Shot,
)
from mrimage.image.header.tags import Directory, Field, Tree, clean_text

_DESCRIPTION, _CHANGED, _HOST, _RATING, _NOTE = 0x10E, 0x132, 0x13C, 0x4746, 0x927C
_RESOLUTION = (0x11A, 0x11B, 0x128)
_WINDOWS = range(0x9C9B, 0x9CA0)
_DESCRIPTIVE = (_DESCRIPTION, MAKE, MODEL, SOFTWARE, _CHANGED, ARTIST, _HOST, _RATING, COPYRIGHT)
_KEPT = frozenset((*_DESCRIPTIVE, *_RESOLUTION, *_WINDOWS))
_STALE = frozenset((COLOR_SPACE, INTEROP_DIRECTORY, 0xA002, 0xA003))
"""Colour space and size of the pixels that were: outputs say theirs by profile and header."""

_NEAR = 256 << 10
_CREDITS = (b"<dc:creator>", b"<dc:rights>")
_ITEM = re.compile(rb"<rdf:li[^>]*>([^<]*)</rdf:li>")

LONGEST_TEXT = 4000
"""Characters of an artist or a copyright; two of them fit into a JPEG's segment whatever they are."""

LONGEST = 65_000
"""Bytes of a block; a JPEG's segment holds no more. Over it the camera maker's own note is left out."""


@dataclass
class _Branch:
    fields: dict[int, Field] = field(default_factory=dict)
    branches: dict[int, _Branch] = field(default_factory=dict)


def credited(shot: Shot, data: bytes, body: int) -> Shot:
    """``shot`` with artist and copyright from XMP (Dublin Core's creator and rights) where EXIF has none.

    ``body`` is where the pixels of a JPEG begin; in other files the first and last 256 KB are looked at.
    """
    if shot.artist and shot.copyright:
        return shot
    places = (data[:body],) if body else (data[:_NEAR], data[max(_NEAR, len(data) - _NEAR) :])
    artist, rights = (next(filter(None, (_element(place, name) for place in places)), None) for name in _CREDITS)
    return replace(shot, artist=shot.artist or artist, copyright=shot.copyright or rights)


def _element(data: bytes, name: bytes) -> str | None:
    start = data.find(name)
    found = _ITEM.search(data[start : start + 4096]) if start >= 0 else None
    return html.unescape(clean_text(found[1]) or "").strip() or None if found else None


def whole_block(tree: Tree, shot: Shot) -> bytes | None:
    """The descriptive tags of ``tree`` with its EXIF and GPS directories, upright, and the artist and copyright of
    ``shot``; None when there are none."""
    first = tree.first
    root = _Branch({tag: value for tag, value in first.fields().items() if tag in _KEPT})
    root.fields |= _credits(shot)
    if ORIENTATION in first:
        root.fields[ORIENTATION] = (3, 1, struct.pack("<H", 1))
    for pointer in (EXIF_DIRECTORY, GPS_DIRECTORY):
        found = first.directory(pointer)
        fields = {tag: value for tag, value in found.fields().items() if tag not in _STALE} if found else {}
        if fields:
            root.branches[pointer] = _Branch(fields)
    if not root.fields and not root.branches:
        return None
    block = _block(root)
    if len(block) > LONGEST and EXIF_DIRECTORY in root.branches:
        root.branches[EXIF_DIRECTORY].fields.pop(_NOTE, None)
        block = _block(root)
    return block if len(block) <= LONGEST else None


def copyright_block(shot: Shot) -> bytes | None:
    """The artist and the copyright of ``shot`` alone; None without either."""
    fields = _credits(shot)
    return _block(_Branch(fields)) if fields else None


def _credits(shot: Shot) -> dict[int, Field]:
    given = ((ARTIST, shot.artist), (COPYRIGHT, shot.copyright))
    texts = {tag: text[:LONGEST_TEXT].encode() + b"\x00" for tag, text in given if text}
    return {tag: (2, len(text), text) for tag, text in texts.items()}


def into_tiff(file: bytes, block: bytes) -> bytes:
    """A little-endian TIFF ``file`` with the tags of ``block`` in its first directory, which moves to the end."""
    tree = Tree(lambda start, length: file[start : start + length])
    if tree.big or tree.order != "<":
        return file
    root = _branch(Tree(lambda start, length: block[start : start + length]).first)
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


def _written(branch: _Branch, at: int, beside: Mapping[int, bytes] | None = None, following: int = 0) -> bytes:
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
