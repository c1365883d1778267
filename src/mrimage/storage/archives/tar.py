"""Tar archives, plain or gzipped: WebDataset shards."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import cast

from mrimage.errors import ImageError
from mrimage.storage.archives.gzip import GunzipSource
from mrimage.storage.archives.member import BlockReader, Broken, Member, Window
from mrimage.storage.names import scheme
from mrimage.types import ByteSource

_BLOCK = 512
_LOCAL_BLOCK = 16 << 10
_REMOTE_BLOCK = 1 << 20  # a request costs as much as a megabyte does
_SPARSE = "sparse"
_LONGEST_HEADER = 4 << 20
"""Bytes of one header: long names and their like are far below it, unless they are a bomb."""


class _Headers(BlockReader):
    """A tar as ``tarfile`` reads it, which passes over the files' own bytes."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ImageError("too-large", f"{self.uri} has a header of {size} bytes.")
        return super().read(size)


class TarArchive:
    """A tar of which single members are read by range; ``place`` is the offset of a member's bytes."""

    def __init__(self, source: ByteSource, *, gzipped: bool = False) -> None:
        self._uri = source.uri
        self._source = GunzipSource(source) if gzipped else source

    def members(self) -> Iterator[Member]:
        reader = _Headers(
            self._source, _LOCAL_BLOCK if scheme(self._uri) == "file" else _REMOTE_BLOCK
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
                    ends = info.offset_data + info.size
                    if info.isreg() and info.issparse():
                        yield Member(info.name, info.size, _SPARSE)
                    elif info.isreg():
                        if not self._has(reader, ends):
                            raise ImageError("truncated", self._cut(count))
                        yield Member(info.name, info.size, str(info.offset_data))
                        count += 1
                    elif not info.isdir():
                        yield Member(info.name, 0, "", ignored=True)
                self._check_end(tar.offset, count)
        except tarfile.ReadError as error:
            if count or "unexpected end" in str(error) or "truncated" in str(error):
                raise ImageError("truncated", self._cut(count)) from error
            if not self._source.read(0, 1):
                raise ImageError("empty", f"{self._uri} has no bytes.") from error
            raise ImageError("corrupt", f"{self._uri} is no tar archive: {error}.") from error
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            raise ImageError("corrupt", f"{self._uri} cannot be read as a tar: {error}.") from error

    def open(self, name: str, place: str, size: int) -> ByteSource:
        uri = f"{self._uri}!/{name}"
        if place == _SPARSE:
            return Broken(
                uri,
                ImageError(
                    "unsupported", f"{uri} is kept as a sparse file. Pack it without --sparse."
                ),
            )
        return Window(uri, self._source, int(place), size)

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
