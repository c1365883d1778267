"""IPTC datasets (Information Interchange Model 4.2), bare or in a resource of Photoshop's."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from mrimage.image.tags.directory import clean_text

_RESOURCE = b"8BIM\x04\x04"
"""Head of Photoshop's resource 0x0404."""

_MARKER = b"\x1c"
"""The byte before each dataset."""

_APPLICATION_RECORD = 2


def datasets_of(data: bytes) -> Mapping[int, tuple[str, ...]]:
    """Return the texts of record 2 by the numbers of their datasets.

    ``data`` is an IPTC block, or has one in a Photoshop resource somewhere.
    """
    block = data if data.startswith(_MARKER) else iim_of(data) or b""
    found: dict[int, tuple[str, ...]] = {}
    position = 0
    while block.startswith(_MARKER, position):
        start = position + 5
        head = block[position + 1 : start]
        if len(head) < 4:
            break
        record, number, length = struct.unpack(">BBH", head)
        position = start + length
        text = clean_text(block[start:position])
        if record == _APPLICATION_RECORD and text:
            earlier = found.get(number, ())
            found[number] = (*earlier, text)
    return found


def iim_of(data: bytes) -> bytes | None:
    """Return the IPTC block of the first Photoshop resource 0x0404 in ``data``, or None."""
    start = data.find(_RESOURCE)
    if start < 0 or start + 12 > len(data):
        return None
    # The name, with its length byte, is padded to an even number of bytes.
    name_length = data[start + 6]
    padding = (name_length + 1) % 2
    position = start + 7 + name_length + padding
    body = position + 4
    length = int.from_bytes(data[position:body], "big")
    end = body + length
    return data[body:end] or None


def resource_of(block: bytes) -> bytes:
    """Return an IPTC block as a Photoshop resource."""
    no_name = b"\x00\x00"
    length = struct.pack(">I", len(block))
    padding = b"\x00" * (len(block) & 1)
    return _RESOURCE + no_name + length + block + padding


def unswapped(block: bytes) -> bytes:
    """Return the IPTC block in the TIFF tag 33723 in its right order.

    Writers that declare the tag as 32-bit numbers may store them in the order of the TIFF.
    """
    if block.startswith(_MARKER):
        return block
    numbers = [block[at : at + 4] for at in range(0, len(block), 4)]
    return b"".join(number[::-1] for number in numbers)
