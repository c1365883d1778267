"""Zip archives: the index by ``zipfile``, the members by range."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from mrimage.errors import ImageError
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member, Window, too_large
from mrimage.storage.archives.salvage import whole_members
from mrimage.types import ByteSource

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SLACK = 1024
"""Bytes read beyond a member's data in the hope that its local header's extra fields fit: they are rarely longer."""


class ZipArchive:
    """A zip; ``place`` is "header offset:compressed size:method:crc" from the central directory."""

    def __init__(self, source: ByteSource) -> None:
        self._uri = source.uri
        self._source = source

    def members(self) -> Iterator[Member]:
        try:
            reader = cast("IO[bytes]", BlockReader(self._source, 64 << 10))
            with zipfile.ZipFile(reader) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            yield from self._without_index(error)
            return
        if sum(info.compress_size for info in infos) > self._source.size:
            raise ImageError("too-large", f"{self._uri} is a bomb: its files share their bytes.")
        for info in infos:
            link = (info.external_attr >> 16) & 0o170000 == 0o120000
            if not info.is_dir():
                place = f"{info.header_offset}:{info.compress_size}:{info.compress_type}:{info.CRC}"
                if info.flag_bits & 0x1:
                    place += ":encrypted"
                yield Member(
                    info.orig_filename.replace("\0", "%00"), info.file_size, place, ignored=link
                )

    def _without_index(self, error: Exception) -> Iterator[Member]:
        if self._source.size == 0:
            raise ImageError("empty", f"{self._uri} has no bytes.") from error
        if self._source.read(0, 4) != b"PK\3\4":
            raise ImageError("corrupt", f"{self._uri} is no zip archive: {error}.") from error
        count = 0
        for member in whole_members(self._source):
            count += 1
            yield member
        raise ImageError(
            "truncated", f"{self._uri} is cut off: its index is missing behind {count} whole files."
        ) from error

    def open(self, name: str, place: str, size: int) -> ByteSource:
        return _ZipMember(f"{self._uri}!/{name}", self._source, place, size)


class _ZipMember:
    __slots__ = ("_place", "_source", "size", "uri")

    def __init__(self, uri: str, source: ByteSource, place: str, size: int) -> None:
        self.uri = uri
        self.size = size
        self._source = source
        self._place = place

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        offset, packed, method, crc, *encrypted = self._place.split(":")
        if encrypted:
            raise ImageError("unsupported", f"{self.uri} is encrypted.")
        if self.size > MAX_MEMBER:
            raise too_large(self.uri)
        end = self.size if length is None else min(start + length, self.size)
        if int(method) == zipfile.ZIP_STORED:
            data_start = self._header(int(offset), 0)[0]
            data = Window(self.uri, self._source, data_start, self.size).read(start, end - start)
        elif int(method) == zipfile.ZIP_DEFLATED:
            data_start, data = self._header(int(offset), int(packed))
            if len(data) < int(packed):
                data += self._source.read(data_start + len(data), int(packed) - len(data))
            data = self._inflate(data[: int(packed)], end)[start:]
        else:
            raise ImageError(
                "unsupported", f"{self.uri} is compressed by method {method}; only deflate is read."
            )
        if start == 0 and end == self.size and zlib.crc32(data) != int(crc):
            raise ImageError("corrupt", f"{self.uri}: the checksum does not fit.")
        return data

    def _header(self, offset: int, packed: int) -> tuple[int, bytes]:
        """Where the member's data begins, and as much of it as came along with its local header."""
        ahead = 30 + len(self.uri) + packed + _SLACK if packed else 30
        head = self._source.read(offset, ahead)
        if len(head) < 30 or not head.startswith(b"PK\3\4"):
            raise ImageError(
                "corrupt", f"{self.uri}: its place in the archive holds something else."
            )
        _, name, extra = _LOCAL_HEADER.unpack_from(head)
        return offset + 30 + name + extra, head[30 + name + extra :]

    def _inflate(self, data: bytes, end: int) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflater.decompress(data, end + 1)
        except zlib.error as error:
            raise ImageError("corrupt", f"{self.uri} is damaged: {error}.") from error
        if len(found) > self.size:
            raise ImageError("too-large", f"{self.uri} inflates to more than it claims.")
        if len(found) < end:
            raise ImageError("truncated", f"{self.uri}: its compressed data ends early.")
        return found[:end]
