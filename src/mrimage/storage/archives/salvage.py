"""What is left of a zip whose index, at its end, is missing: each member is told by a header before its bytes as well."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member
from mrimage.types import ByteSource

_HEADER = struct.Struct("<4s2xHH4xIIIHH")
_SIGNATURE, _FOLLOWING = b"PK\3\4", b"PK\7\x08"
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_WIDE = 0xFFFFFFFF
"""A size that is in the header's extra field instead (zip64)."""


class _Header(NamedTuple):
    signature: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name_length: int
    extra_length: int


def whole_members(source: ByteSource) -> Iterator[Member]:
    """The members of a cut or damaged zip in their order, up to the first that is not whole."""
    reader = BlockReader(source, 64 << 10)
    offset = 0
    while len(head := _at(reader, offset, _HEADER.size)) == _HEADER.size:
        header = _Header(*_HEADER.unpack(head))
        start = offset + _HEADER.size + header.name_length + header.extra_length
        if header.signature != _SIGNATURE or start > source.size:
            return
        reader.seek(offset + _HEADER.size)
        name, extra = reader.read(header.name_length), reader.read(header.extra_length)
        size, packed, crc = _sizes(header, extra)
        end = start + packed
        if header.flags & _SIZES_FOLLOW and not packed:
            found = _measured(reader, start) if header.method == zipfile.ZIP_DEFLATED else None
            if not found:
                return
            size, packed, crc = found
            end = start + packed + _length_of_descriptor(_at(reader, start + packed, 26))
        if end > source.size:
            return
        text = name.decode("utf-8" if header.flags & _UTF8 else "cp437", "replace").replace(
            "\0", "%00"
        )
        if not text.endswith("/"):
            place = f"{offset}:{packed}:{header.method}:{crc}"
            yield Member(text, size, place + (":encrypted" if header.flags & _ENCRYPTED else ""))
        offset = end


def _measured(reader: BlockReader, start: int) -> tuple[int, int, int] | None:
    """Length, packed length and checksum of deflated bytes that were written to a stream: their header came too early
    to tell. None where they do not end."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = taken = crc = 0
    reader.seek(start)
    try:
        while not inflater.eof:
            waiting = inflater.unconsumed_tail
            data = waiting or reader.read(64 << 10)
            taken += 0 if waiting else len(data)
            piece = inflater.decompress(data, 1 << 20)
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            if size > MAX_MEMBER or not (data or piece):
                return None
    except zlib.error:
        return None
    return size, taken - len(inflater.unused_data), crc


def _length_of_descriptor(data: bytes) -> int:
    """Bytes of what follows such a member: checksum and lengths of 4 or 8 bytes, with or without a signature (APPNOTE
    4.3.9), told by what comes behind it."""
    signed = 4 if data.startswith(_FOLLOWING) else 0
    return signed + (20 if data[signed + 20 :].startswith(_SIGNATURE[:2]) else 12)


def _at(reader: BlockReader, offset: int, length: int) -> bytes:
    reader.seek(offset)
    return reader.read(length)


def _sizes(header: _Header, extra: bytes) -> tuple[int, int, int]:
    """Length, packed length and checksum; lengths from the extra field 1 where they do not fit into the header (APPNOTE
    4.5.3)."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1 and length >= 16 and _WIDE in (header.size, header.packed):
            size, packed = struct.unpack_from("<QQ", extra.ljust(20, b"\0"), 4)
            return size, packed, header.crc
        extra = extra[4 + length :]
    return header.size, header.packed, header.crc
