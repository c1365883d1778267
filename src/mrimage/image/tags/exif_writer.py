"""The metadata that an output receives: EXIF, and on request the source's whole XMP and IPTC.

EXIF is written anew and never copied, so that nothing in it contradicts the new pixels: there is
no thumbnail, no old size and no old color space, the orientation is 1, and no damage of the source
reaches the output.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mrimage.image.tags.directory import Directory, RawField, Tree
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
    RESOLUTION_UNIT,
    SOFTWARE,
    X_RESOLUTION,
)
from mrimage.image.tags.iptc import iim_of
from mrimage.image.tags.rights import LONGEST_TEXT, Rights

_DESCRIPTION = 0x10E
_Y_RESOLUTION = 0x11B
_CHANGED = 0x132
_HOST = 0x13C
_RATING = 0x4746
_IPTC = 0x83BB
_MAKER_NOTE = 0x927C
_WINDOWS = range(0x9C9B, 0x9CA0)
_PIXEL_WIDTH = 0xA002
_PIXEL_HEIGHT = 0xA003
"""Tags; ``_WINDOWS`` are title, comment, author, keywords and subject from Windows Explorer."""

_DESCRIPTIVE = (_DESCRIPTION, MAKE, MODEL, SOFTWARE, _CHANGED, ARTIST, _HOST, _RATING, COPYRIGHT)
_RESOLUTION = (X_RESOLUTION, _Y_RESOLUTION, RESOLUTION_UNIT)
_KEPT = frozenset((*_DESCRIPTIVE, *_RESOLUTION, *_WINDOWS))
"""Tags of the first directory that outputs keep."""

_STALE = frozenset((COLOR_SPACE, INTEROP_DIRECTORY, _PIXEL_WIDTH, _PIXEL_HEIGHT))
"""Color space and size of the old pixels; outputs state theirs by profile and header."""

LONGEST = 65_000
"""Bytes of a block, because a JPEG segment has room for no more. If it is longer, the camera
maker's own note is left out."""

_ASCII = 2
_SHORT = 3
_LONG = 4
_UNDEFINED = 7
"""Types of tags."""

_ENTRY = 12
"""Bytes of a directory's entry."""

_HEAD = b"II*\x00\x08\x00\x00\x00"
"""A little-endian TIFF whose first directory is at byte 8."""

_PACKET = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")
_CONTINUED = re.compile(
    rb"<(xmpNote:HasExtendedXMP)>.*?</\1>|xmpNote:HasExtendedXMP=([\"']).*?\2", re.DOTALL
)
"""What a packet says of a second one that continues it, which outputs do not have."""


@dataclass
class _NewDirectory:
    """A directory to write; ``children`` by the tags that point to them."""

    fields: dict[int, RawField] = field(default_factory=dict)
    children: dict[int, _NewDirectory] = field(default_factory=dict)


def whole_block(tree: Tree, rights: Rights) -> bytes | None:
    """Return an upright EXIF block with all facts of ``tree``, artist and copyright of ``rights``.

    All facts are the descriptive tags and the EXIF and GPS directories. Returns None if there are
    none, or if the block would be too long for a JPEG segment.
    """
    first = tree.first
    root = _NewDirectory({tag: value for tag, value in first.fields().items() if tag in _KEPT})
    root.fields |= _credits(rights)
    if ORIENTATION in first:
        root.fields[ORIENTATION] = (_SHORT, 1, struct.pack("<H", 1))
    for pointer in (EXIF_DIRECTORY, GPS_DIRECTORY):
        fields = _fields_below(first, pointer)
        if fields:
            root.children[pointer] = _NewDirectory(fields)
    if not root.fields and not root.children:
        return None
    block = _block(root)
    if len(block) > LONGEST and EXIF_DIRECTORY in root.children:
        root.children[EXIF_DIRECTORY].fields.pop(_MAKER_NOTE, None)
        block = _block(root)
    return block if len(block) <= LONGEST else None


def _fields_below(first: Directory, pointer: int) -> dict[int, RawField]:
    """Return the tags that outputs keep of the directory to which the tag ``pointer`` points."""
    directory = first.directory(pointer)
    if directory is None:
        return {}
    return {tag: value for tag, value in directory.fields().items() if tag not in _STALE}


def copyright_block(rights: Rights) -> bytes | None:
    """Return an EXIF block with only artist and copyright of ``rights``; None without either."""
    fields = _credits(rights)
    return _block(_NewDirectory(fields)) if fields else None


def joined_block(main: Tree, details: Tree | None, gps: Tree | None) -> bytes:
    """Return one EXIF block from three that have its first, EXIF and GPS directory."""
    root = _NewDirectory(main.first.fields())
    for pointer, tree in ((EXIF_DIRECTORY, details), (GPS_DIRECTORY, gps)):
        if tree is not None:
            root.fields.pop(pointer, None)
            root.children[pointer] = _NewDirectory(tree.first.fields())
    return _block(root)


def _credits(rights: Rights) -> dict[int, RawField]:
    """Return the tags of artist and copyright; several creators are joined by semicolons."""
    artist = "; ".join(rights.get("dc:creator", ()))
    notice = "".join(rights.get("dc:rights", ()))
    fields: dict[int, RawField] = {}
    for tag, text in ((ARTIST, artist), (COPYRIGHT, notice)):
        if text:
            value = text[:LONGEST_TEXT].encode() + b"\x00"
            fields[tag] = (_ASCII, len(value), value)
    return fields


def whole_packet(places: Iterable[bytes]) -> bytes | None:
    """Return the first XMP packet in ``places`` as it is, but upright and complete in itself.

    Returns None if there is none or it is too long for a JPEG segment.
    """
    matches = (_PACKET.search(place) for place in places)
    found = next(filter(None, matches), None)
    if found is None or len(found[0]) > LONGEST:
        return None
    upright = _ORIENTATION.sub(rb"\g<1>1", found[0])
    return _CONTINUED.sub(b"", upright)


def whole_iptc(places: Iterable[bytes]) -> bytes | None:
    """Return the first IPTC block in ``places`` as it is.

    Returns None if there is none or it is too long for a JPEG segment.
    """
    blocks = (iim_of(place) for place in places)
    found = next(filter(None, blocks), None)
    if found is None or len(found) > LONGEST:
        return None
    return found


def into_tiff(file: bytes, block: bytes | None, iptc: bytes | None) -> bytes:
    """Return the TIFF ``file`` with the tags of the EXIF ``block`` and with ``iptc``.

    The tags join those of the first directory, which moves to the end. Returns big-endian files
    and BigTIFF as they are.
    """
    tree = Tree(lambda start, length: file[start : start + length])
    if tree.big or tree.order != "<" or not (block or iptc):
        return file
    root = _NewDirectory()
    if block:
        exif = Tree(lambda start, length: block[start : start + length])
        root = _copied(exif.first)
    if iptc:
        root.fields[_IPTC] = (_UNDEFINED, len(iptc), iptc)
    # Directories begin at even offsets (TIFF 6.0, section 2).
    file += b"\x00" * (len(file) & 1)
    start = len(file)
    moved = _written(root, start, tree.first.entries(), tree.first.next)
    return file[:4] + struct.pack("<I", start) + file[8:] + moved


def _copied(directory: Directory) -> _NewDirectory:
    found = _NewDirectory(directory.fields())
    for pointer in (EXIF_DIRECTORY, GPS_DIRECTORY):
        child = directory.directory(pointer)
        if child is not None:
            del found.fields[pointer]
            found.children[pointer] = _copied(child)
    return found


def _block(root: _NewDirectory) -> bytes:
    return _HEAD + _written(root, len(_HEAD))


def _written(
    directory: _NewDirectory,
    offset: int,
    finished: Mapping[int, bytes] | None = None,
    next_offset: int = 0,
) -> bytes:
    """Return the directory as little-endian bytes for ``offset``, then its values and children.

    ``finished`` are 12-byte entries of other tags. ``next_offset`` is that of the next directory.
    """
    finished = finished or {}
    tags = sorted({*directory.fields, *directory.children, *finished})
    # A count of 2 bytes, the entries, and a pointer of 4 bytes.
    heap_start = offset + 2 + _ENTRY * len(tags) + 4
    table = b""
    heap = b""
    for tag in tags:
        end = heap_start + len(heap)
        if tag in directory.fields:
            kind, count, value = directory.fields[tag]
            if len(value) > 4:
                heap += value + b"\x00" * (len(value) & 1)
                value = struct.pack("<I", end)
            table += _entry(tag, kind, count, value)
        elif tag in directory.children:
            heap += _written(directory.children[tag], end)
            table += _entry(tag, _LONG, 1, struct.pack("<I", end))
        else:
            table += finished[tag]
    entry_count = struct.pack("<H", len(tags))
    pointer = struct.pack("<I", next_offset)
    return entry_count + table + pointer + heap


def _entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """Return the entry of a tag; ``value`` has at most 4 bytes and may be an offset."""
    head = struct.pack("<HHI", tag, kind, count)
    return head + value.ljust(4, b"\x00")
