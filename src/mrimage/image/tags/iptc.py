"""IPTC: the datasets of a picture (Information Interchange Model 4.2), bare or as a resource of Photoshop."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from mrimage.image.tags.directory import clean_text

_RESOURCE = b"8BIM\x04\x04"
_MARKER = 0x1C
_APPLICATION_RECORD = 2


def datasets_of(place: bytes) -> Mapping[int, tuple[str, ...]]:
    """The texts of record 2 by their numbers, of a block that is ``place`` or somewhere in it as a resource."""
    block = place if place[:1] == bytes([_MARKER]) else iim_of(place) or b""
    found: dict[int, tuple[str, ...]] = {}
    position = 0
    while position + 5 <= len(block) and block[position] == _MARKER:
        record, number, length = struct.unpack(">BBH", block[position + 1 : position + 5])
        text = clean_text(block[position + 5 : position + 5 + length])
        if record == _APPLICATION_RECORD and text:
            found[number] = (*found.get(number, ()), text)
        position += 5 + length
    return found


def iim_of(place: bytes) -> bytes | None:
    """The IPTC block of the Photoshop resource 0x0404 somewhere in ``place``."""
    start = place.find(_RESOURCE)
    if start < 0 or start + 12 > len(place):
        return None
    name = place[start + 6]
    position = start + 7 + name + (name + 1) % 2
    length = int.from_bytes(place[position : position + 4], "big")
    return place[position + 4 : position + 4 + length] or None


def resource_of(block: bytes) -> bytes:
    """An IPTC block as a Photoshop resource."""
    return (
        _RESOURCE + b"\x00\x00" + struct.pack(">I", len(block)) + block + b"\x00" * (len(block) & 1)
    )


def unswapped(block: bytes) -> bytes:
    """The IPTC block in the TIFF tag 33723, which declared as numbers of four bytes may be stored as such."""
    if block[:1] == bytes([_MARKER]):
        return block
    return b"".join(block[at : at + 4][::-1] for at in range(0, len(block), 4))
