"""Zip archives: ``zipfile`` reads the index, and members are read by their byte ranges."""

from __future__ import annotations

import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, cast

from mrimage.errors import ImageError
from mrimage.storage.archives.member import (
    MAX_MEMBER,
    BlockReader,
    Member,
    Window,
    end_of_chain,
    too_large,
)
from mrimage.storage.archives.salvage import ENCRYPTED, encrypted, whole_members
from mrimage.types import ByteSource

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\3\4"

_LONGEST_TARGET = 4096
"""Most bytes in the name of a link's target: the longest path of Linux."""

_SLACK = 1024
"""Bytes read beyond a member's data to cover the extra fields of its local header: they are
rarely longer."""


class ZipArchive:
    """A zip archive. A member's ``offset`` is that of its local header."""

    def __init__(self, source: ByteSource) -> None:
        self._uri = source.uri
        self._source = source

    def members(self) -> Iterator[Member]:
        try:
            reader = cast("IO[bytes]", BlockReader(self._source, 64 << 10))
            with zipfile.ZipFile(reader) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            yield from self._members_without_index(error)
            return
        if sum(info.compress_size for info in infos) > self._source.size:
            raise ImageError("too-large", f"{self._uri} is a bomb: its files share their bytes.")
        links: list[Member] = []
        files: dict[str, Member] = {}
        for info in infos:
            if info.filename.endswith("/"):
                continue
            member = self._member(info)
            # The upper half of the attributes is the mode of Unix.
            if stat.S_ISLNK(info.external_attr >> 16):
                links.append(member)
            else:
                files[posixpath.normpath(member.name)] = member
                yield member
        yield from self._resolve_links(links, files)

    def _member(self, info: zipfile.ZipInfo) -> Member:
        name = info.orig_filename.replace("\0", "%00")
        is_encrypted = info.flag_bits & ENCRYPTED
        return Member(
            name,
            info.file_size,
            info.header_offset,
            info.compress_size,
            info.compress_type,
            info.CRC,
            fault=encrypted(f"{self._uri}!/{name}") if is_encrypted else None,
        )

    def _resolve_links(self, links: list[Member], files: dict[str, Member]) -> Iterator[Member]:
        """Yield the symbolic links as members with the bytes of their targets.

        The content of a link is the name of its target, relative to the link's folder.
        """
        targets = {posixpath.normpath(link.name): self._target(link) for link in links}
        for link in links:
            target = files.get(end_of_chain(posixpath.normpath(link.name), targets))
            if target:
                yield replace(target, name=link.name, is_link=True)
            else:
                yield Member(link.name, 0, ignored="link")

    def _target(self, link: Member) -> str:
        if link.fault or link.size > _LONGEST_TARGET:
            return ""
        try:
            target = self.open(link).read().decode("utf-8", "replace")
        except ImageError:
            return ""
        return posixpath.normpath(posixpath.join(posixpath.dirname(link.name), target))

    def _members_without_index(self, error: Exception) -> Iterator[Member]:
        if self._source.size == 0:
            raise ImageError("empty", f"{self._uri} has no bytes.") from error
        if self._source.read(0, 4) != _SIGNATURE:
            raise ImageError("corrupt", f"{self._uri} is not a zip archive: {error}.") from error
        count = 0
        for member in whole_members(self._source):
            count += 1
            yield member
        raise ImageError(
            "truncated",
            f"{self._uri} is cut off: {count} files are intact, and the index is missing.",
        ) from error

    def open(self, member: Member) -> ByteSource:
        return _ZipMember(f"{self._uri}!/{member.name}", self._source, member)


class _ZipMember:
    """One file of a zip archive as a ByteSource."""

    __slots__ = ("_member", "_source", "size", "uri")

    def __init__(self, uri: str, source: ByteSource, member: Member) -> None:
        self.uri = uri
        self.size = member.size
        self._source = source
        self._member = member

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.size > MAX_MEMBER:
            raise too_large(self.uri)
        end = self.size if length is None else min(start + length, self.size)
        method = self._member.method
        if method == zipfile.ZIP_STORED:
            data = self._read_stored(start, end)
        elif method == zipfile.ZIP_DEFLATED:
            data = self._read_deflated(end)[start:]
        else:
            raise ImageError(
                "unsupported", f"{self.uri} is compressed by method {method}; only deflate is read."
            )
        is_whole = start == 0 and end == self.size
        if is_whole and zlib.crc32(data) != self._member.checksum:
            raise ImageError("corrupt", f"{self.uri}: the checksum does not match.")
        return data

    def _read_stored(self, start: int, end: int) -> bytes:
        data_start, _ = self._read_header(0)
        window = Window(self.uri, self._source, data_start, self.size)
        return window.read(start, end - start)

    def _read_deflated(self, end: int) -> bytes:
        packed = self._member.packed
        data_start, data = self._read_header(packed)
        missing = packed - len(data)
        if missing > 0:
            data += self._source.read(data_start + len(data), missing)
        return self._inflate(data[:packed], end)

    def _read_header(self, packed: int) -> tuple[int, bytes]:
        """Where the member's data begins, and as much of it as came with its local header.

        The local header's extra field may differ from the index's, so only the header shows where
        it ends. One request usually fetches the header and ``packed`` bytes of data together.
        """
        length = 30 + len(self.uri) + packed + _SLACK if packed else 30
        head = self._source.read(self._member.offset, length)
        if len(head) < 30 or not head.startswith(_SIGNATURE):
            raise ImageError(
                "corrupt", f"{self.uri} is not at the offset that the archive's index names."
            )
        _, name_length, extra_length = _LOCAL_HEADER.unpack_from(head)
        header_length = 30 + name_length + extra_length
        return self._member.offset + header_length, head[header_length:]

    def _inflate(self, data: bytes, end: int) -> bytes:
        """The first ``end`` inflated bytes of the deflated ``data``."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflater.decompress(data, end + 1)
        except zlib.error as error:
            raise ImageError("corrupt", f"{self.uri} is damaged: {error}.") from error
        if len(found) > self.size:
            raise ImageError("too-large", f"{self.uri} inflates to more than its stated size.")
        if len(found) < end:
            raise ImageError("truncated", f"{self.uri}: its compressed data ends early.")
        return found[:end]
