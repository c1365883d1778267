"""Tar archives, plain or gzipped, such as WebDataset shards."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from mrimage.errors import ImageError
from mrimage.storage.archives.gzip import GunzipSource
from mrimage.storage.archives.member import BlockReader, Member, Window, end_of_chain
from mrimage.storage.archives.sidecars import LARGEST, sidecar_kind
from mrimage.storage.names import path_if_local
from mrimage.types import ByteSource, Fault

_BLOCK = 512
_LOCAL_BLOCK = 16 << 10
_REMOTE_BLOCK = 1 << 20
"""Bytes per request to a remote store: a request takes as long as a megabyte."""

_LONGEST_HEADER = 4 << 20
"""Most bytes in one header: long names and the like are far shorter, unless they are a bomb."""


class _HeaderReader(BlockReader):
    """A tar as a file for ``tarfile``, which reads the headers and skips the members' bytes."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ImageError("too-large", f"{self.uri} has a header of {size} bytes.")
        return super().read(size)


class TarArchive:
    """A tar archive whose members are read by their byte ranges.

    A member's ``offset`` is that of its bytes. Links are members too, with the bytes of the
    member that they lead to. Links that lead out of the archive, to a folder or to nothing are
    ignored.
    """

    def __init__(self, source: ByteSource, *, gzipped: bool = False) -> None:
        self._uri = source.uri
        self._source = GunzipSource(source) if gzipped else source
        self._reader: _HeaderReader | None = None

    def members(self) -> Iterator[Member]:
        links: list[tarfile.TarInfo] = []
        damage: ImageError | None = None
        try:
            for info in self._headers():
                if info.isreg():
                    yield self._with_content(info)
                elif info.issym() or info.islnk():
                    links.append(info)
                elif not info.isdir():
                    yield Member(info.name, 0, ignored="special file")
        except ImageError as error:
            damage = error
        if links:
            yield from self._resolve_links(links)
        if damage:
            raise damage

    def open(self, member: Member) -> ByteSource:
        return Window(f"{self._uri}!/{member.name}", self._source, member.offset, member.size)

    def _with_content(self, info: tarfile.TarInfo) -> Member:
        member = self._member(info)
        if not sidecar_kind(info.name) or info.size > LARGEST or member.fault:
            return member
        # The reader is at this place anyway, and has read the next block.
        return replace(member, content=self._content(info))

    def _content(self, info: tarfile.TarInfo) -> bytes:
        assert self._reader
        self._reader.seek(info.offset_data)
        return self._reader.read(info.size)

    def _member(self, info: tarfile.TarInfo) -> Member:
        if not info.issparse():
            return Member(info.name, info.size, info.offset_data)
        message = f"{self._uri}!/{info.name} is stored as a sparse file. Pack it without --sparse."
        return Member(info.name, info.size, fault=Fault("unsupported", message))

    def _resolve_links(self, links: list[tarfile.TarInfo]) -> Iterator[Member]:
        """Yield the links as members.

        A link may precede its target, and an index of all names may be too large to keep for the
        few archives that have links. So this reads the headers again, looking for the targets.
        """
        targets = {_normalized(link.name): _target(link) for link in links}
        ends = [end_of_chain(_normalized(link.name), targets) for link in links]
        found = self._find_members(set(ends))
        for link, end in zip(links, ends, strict=True):
            member = found.get(end)
            if member is None:
                yield Member(link.name, 0, ignored="link")
            else:
                yield Member(
                    link.name, member.size, member.offset, fault=member.fault, is_link=True
                )

    def _find_members(self, names: set[str]) -> dict[str, Member]:
        """The regular files with these names. Of several, the last one counts, as in unpacking."""
        found: dict[str, Member] = {}
        try:
            for info in self._headers():
                name = _normalized(info.name)
                if info.isreg() and name in names:
                    found[name] = self._member(info)
        except ImageError:
            pass  # ``members`` raises the same error
        return found

    def _headers(self) -> Iterator[tarfile.TarInfo]:
        """Yield every header. Raises ImageError where the archive becomes unreadable."""
        is_remote = path_if_local(self._uri) is None
        reader = _HeaderReader(self._source, _REMOTE_BLOCK if is_remote else _LOCAL_BLOCK)
        self._reader = reader
        count = 0
        try:
            # tarfile calls only read, seek and tell.
            file = cast("tarfile._Fileobj", reader)
            with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as tar:
                while info := tar.next():
                    # tarfile keeps every header, which would fill the memory for a shard of a
                    # million files.
                    vars(tar)["members"].clear()
                    self._require_valid_size(info)
                    if info.isreg() and not info.issparse():
                        if not self._contains(reader, info.offset_data + info.size):
                            raise ImageError("truncated", self._describe_cut(count))
                        count += 1
                    yield info
                self._require_proper_end(tar.offset, count)
        except tarfile.ReadError as error:
            raise self._read_error(error, count) from error
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            raise ImageError("corrupt", f"{self._uri} cannot be read as a tar: {error}.") from error

    def _require_valid_size(self, info: tarfile.TarInfo) -> None:
        if info.size < 0:
            raise ImageError(
                "corrupt", f"{self._uri} is damaged: {info.name} claims {info.size} bytes."
            )

    def _contains(self, reader: BlockReader, end: int) -> bool:
        """Whether the archive has the byte before position ``end``."""
        if not isinstance(self._source, GunzipSource):
            return end <= self._source.size
        # The size of a gzipped tar is unknown. Reading this byte costs nothing extra: it is on
        # the way to the next header.
        reader.seek(end - 1)
        return bool(reader.read(1))

    def _require_proper_end(self, offset: int, count: int) -> None:
        """Raise ImageError unless the archive ends with a block of zeros at ``offset``.

        An intact archive does (POSIX.1-1988, ustar). tarfile treats a damaged header, or the end
        of the file where a header should be, as the end of the archive.
        """
        block = self._source.read(offset, _BLOCK)
        if len(block) < _BLOCK:
            raise ImageError("truncated", self._describe_cut(count))
        if block.strip(b"\0"):
            raise ImageError("corrupt", f"{self._uri} is damaged after its first {count} files.")

    def _read_error(self, error: tarfile.ReadError, count: int) -> ImageError:
        text = str(error)
        if count or "unexpected end" in text or "truncated" in text:
            return ImageError("truncated", self._describe_cut(count))
        if not self._source.read(0, 1):
            return ImageError("empty", f"{self._uri} has no bytes.")
        return ImageError("corrupt", f"{self._uri} is not a tar archive: {error}.")

    def _describe_cut(self, count: int) -> str:
        return f"{self._uri} is cut off: {count} files are intact, the rest is missing."


def _normalized(name: str) -> str:
    return posixpath.normpath(name)


def _target(link: tarfile.TarInfo) -> str:
    """The name that a link leads to.

    A hard link's is relative to the top of the archive, a symbolic link's to its own folder.
    """
    if link.islnk():
        return _normalized(link.linkname)
    return _normalized(posixpath.join(posixpath.dirname(link.name), link.linkname))
