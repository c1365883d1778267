"""The intact members of a zip without its index, which is at the end of the file.

A header before each member's bytes describes it as well.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member
from mrimage.types import ByteSource, Fault

_HEADER = struct.Struct("<4s2xHH4xIIIHH")
_HEADER_SIGNATURE = b"PK\3\4"
_DESCRIPTOR_SIGNATURE = b"PK\7\x08"

# Bits of a header's flags (APPNOTE 4.4.4).
ENCRYPTED = 0x1
_SIZES_FOLLOW = 0x8
_UTF8 = 0x800

_IN_EXTRA_FIELD = 0xFFFFFFFF
"""A size that is in the header's extra field instead (zip64)."""

_BLOCK = 64 << 10


class _Header(NamedTuple):
    """A local file header (APPNOTE 4.3.7)."""

    signature: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name_length: int
    extra_length: int


class _Sizes(NamedTuple):
    """Length of a member in bytes, its packed length, and the CRC-32 of its content."""

    size: int
    packed: int
    crc: int


def whole_members(source: ByteSource) -> Iterator[Member]:
    """Yield the members of a truncated or damaged zip, up to the first that is not intact."""
    reader = BlockReader(source, _BLOCK)
    offset = 0
    while len(head := _read_at(reader, offset, _HEADER.size)) == _HEADER.size:
        header = _Header(*_HEADER.unpack(head))
        start = offset + _HEADER.size + header.name_length + header.extra_length
        if header.signature != _HEADER_SIGNATURE or start > source.size:
            return
        name = _read_at(reader, offset + _HEADER.size, header.name_length)
        extra = reader.read(header.extra_length)

        sizes = _sizes_of(header, extra)
        end = start + sizes.packed
        if header.flags & _SIZES_FOLLOW and not sizes.packed:
            measured = _measure(reader, header, start)
            if not measured:
                return
            sizes = measured
            descriptor = start + sizes.packed
            end = descriptor + _length_of_descriptor(_read_at(reader, descriptor, 26))
        if end > source.size:
            return

        text = _decode_name(name, header.flags)
        if not text.endswith("/"):
            fault = encrypted(f"{source.uri}!/{text}") if header.flags & ENCRYPTED else None
            yield Member(
                text, sizes.size, offset, sizes.packed, header.method, sizes.crc, fault=fault
            )
        offset = end


def encrypted(uri: str) -> Fault:
    """The fault of a member with the flag ENCRYPTED."""
    return Fault("unsupported", f"{uri} is encrypted.")


def _decode_name(name: bytes, flags: int) -> str:
    text = name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    return text.replace("\0", "%00")


def _measure(reader: BlockReader, header: _Header, start: int) -> _Sizes | None:
    """Measure a member by inflating it; None if it has no end or is not deflated.

    A zip that was written as a stream has headers without sizes: they were not known yet.
    """
    if header.method != zipfile.ZIP_DEFLATED:
        return None
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    taken = 0
    crc = 0
    reader.seek(start)
    try:
        while not inflater.eof:
            waiting = inflater.unconsumed_tail
            data = waiting or reader.read(_BLOCK)
            if not waiting:
                taken += len(data)
            piece = inflater.decompress(data, 1 << 20)
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > MAX_MEMBER or not (data or piece):
                return None
    except zlib.error:
        return None
    return _Sizes(size, taken - len(inflater.unused_data), crc)


def _length_of_descriptor(data: bytes) -> int:
    """Length in bytes of the data descriptor at the start of ``data`` (APPNOTE 4.3.9).

    It has a checksum and two sizes of 4 or 8 bytes each, and its signature is optional. Only what
    follows shows which: a ``PK`` of the next header.
    """
    signature = 4 if data.startswith(_DESCRIPTOR_SIGNATURE) else 0
    has_long_sizes = data[signature + 20 :].startswith(_HEADER_SIGNATURE[:2])
    return signature + (20 if has_long_sizes else 12)


def _read_at(reader: BlockReader, offset: int, length: int) -> bytes:
    reader.seek(offset)
    return reader.read(length)


def _sizes_of(header: _Header, extra: bytes) -> _Sizes:
    """The sizes in a header, or in its extra field 1 if they do not fit (APPNOTE 4.5.3)."""
    is_elsewhere = _IN_EXTRA_FIELD in (header.size, header.packed)
    while len(extra) >= 4:
        field_id, length = struct.unpack_from("<HH", extra)
        if field_id == 1 and length >= 16 and is_elsewhere:
            size, packed = struct.unpack_from("<QQ", extra.ljust(20, b"\0"), 4)
            return _Sizes(size, packed, header.crc)
        extra = extra[4 + length :]
    return _Sizes(header.size, header.packed, header.crc)
