"""Tar archives, plain or gzipped: WebDataset shards."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from typing import cast

from mrimage.errors import ImageError
from mrimage.storage.archives.gzip import GunzipSource
from mrimage.storage.archives.member import BlockReader, Member, Window, end_of_chain
from mrimage.storage.names import path_if_local
from mrimage.types import ByteSource, Fault

_BLOCK = 512
_LOCAL_BLOCK = 16 << 10
_REMOTE_BLOCK = 1 << 20  # a request costs as much as a megabyte does
_LONGEST_HEADER = 4 << 20
"""Bytes of one header: long names and their like are far below it, unless they are a bomb."""


class _Headers(BlockReader):
    """A tar as ``tarfile`` reads it, which passes over the files' own bytes."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ImageError("too-large", f"{self.uri} has a header of {size} bytes.")
        return super().read(size)


class TarArchive:
    """A tar of which single members are read by range; a member's ``offset`` is that of its bytes.

    Links are members too, with the bytes of the member that they lead to. Those that lead out of the archive, to a
    folder or to nothing are ignored.
    """

    def __init__(self, source: ByteSource, *, gzipped: bool = False) -> None:
        self._uri = source.uri
        self._source = GunzipSource(source) if gzipped else source

    def members(self) -> Iterator[Member]:
        links: list[tarfile.TarInfo] = []
        damage: ImageError | None = None
        try:
            for info in self._headers():
                if info.isreg():
                    yield self._member(info)
                elif info.issym() or info.islnk():
                    links.append(info)
                elif not info.isdir():
                    yield Member(info.name, 0, ignored="special file")
        except ImageError as error:
            damage = error
        if links:
            yield from self._resolved(links)
        if damage:
            raise damage

    def open(self, member: Member) -> ByteSource:
        return Window(f"{self._uri}!/{member.name}", self._source, member.offset, member.size)

    def _member(self, info: tarfile.TarInfo) -> Member:
        if not info.issparse():
            return Member(info.name, info.size, info.offset_data)
        told = f"{self._uri}!/{info.name} is kept as a sparse file. Pack it without --sparse."
        return Member(info.name, info.size, fault=Fault("unsupported", told))

    def _resolved(self, links: list[tarfile.TarInfo]) -> Iterator[Member]:
        """The links as members. A link may come before its target, and an index of all names may be too large to be
        held for the few archives that have links: so the headers are read once more, for the names that are wanted."""
        following = {_plain(link.name): _target(link) for link in links}
        ends = [end_of_chain(_plain(link.name), following) for link in links]
        wanted = set(ends)
        found: dict[str, Member] = {}
        try:
            for info in self._headers():
                name = _plain(info.name)
                if info.isreg() and name in wanted:
                    found[name] = self._member(
                        info
                    )  # of several, the last one is what unpacking leaves
        except ImageError:
            pass  # the caller has been told
        for link, end in zip(links, ends, strict=True):
            target = found.get(end)
            if target is None:
                yield Member(link.name, 0, ignored="link")
            else:
                yield Member(
                    link.name, target.size, target.offset, fault=target.fault, is_link=True
                )

    def _headers(self) -> Iterator[tarfile.TarInfo]:
        """Every header. Raises ImageError where the archive cannot be read any further."""
        reader = _Headers(
            self._source, _REMOTE_BLOCK if path_if_local(self._uri) is None else _LOCAL_BLOCK
        )
        count = 0
        try:
            # tarfile asks for no more than read, seek and tell.
            with tarfile.open(
                fileobj=cast("tarfile._Fileobj", reader), mode="r:", errors="surrogateescape"
            ) as tar:
                while info := tar.next():
                    vars(tar)[
                        "members"
                    ].clear()  # or the index of a shard of a million files stays in memory
                    if info.size < 0:
                        raise ImageError(
                            "corrupt",
                            f"{self._uri} is damaged: {info.name} claims {info.size} bytes.",
                        )
                    if info.isreg() and not info.issparse():
                        if not self._has(reader, info.offset_data + info.size):
                            raise ImageError("truncated", self._cut(count))
                        count += 1
                    yield info
                self._check_end(tar.offset, count)
        except tarfile.ReadError as error:
            if count or "unexpected end" in str(error) or "truncated" in str(error):
                raise ImageError("truncated", self._cut(count)) from error
            if not self._source.read(0, 1):
                raise ImageError("empty", f"{self._uri} has no bytes.") from error
            raise ImageError("corrupt", f"{self._uri} is no tar archive: {error}.") from error
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            raise ImageError("corrupt", f"{self._uri} cannot be read as a tar: {error}.") from error

    def _has(self, reader: BlockReader, end: int) -> bool:
        if not isinstance(self._source, GunzipSource):
            return end <= self._source.size
        reader.seek(end - 1)  # on the way to the next header, and so for free
        return bool(reader.read(1))

    def _check_end(self, offset: int, count: int) -> None:
        """tarfile takes a damaged header, or the end of the file where a header should be, for the end of the archive.
        A whole archive ends with blocks of zeros (POSIX.1-1988, ustar)."""
        block = self._source.read(offset, _BLOCK)
        if len(block) < _BLOCK:
            raise ImageError("truncated", self._cut(count))
        if block.strip(b"\0"):
            raise ImageError("corrupt", f"{self._uri} is damaged behind its {count} first files.")

    def _cut(self, count: int) -> str:
        return f"{self._uri} is cut off: {count} whole files, the rest is missing."


def _plain(name: str) -> str:
    return posixpath.normpath(name)


def _target(link: tarfile.TarInfo) -> str:
    """The name that a link leads to: a hard link's counts from the top of the archive, a symbolic one's from its own
    folder."""
    if link.islnk():
        return _plain(link.linkname)
    return _plain(posixpath.join(posixpath.dirname(link.name), link.linkname))
