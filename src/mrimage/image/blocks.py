"""Random access to an image's bytes that fetches little: a header costs one read of its first kilobytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.types import ByteSource

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffered

PREFIX = 32 << 10
"""Bytes of the first read. Nine photographs in ten have their whole header in them."""

BLOCK = 64 << 10
"""Bytes of every later read, aligned, so that a walk through boxes or directories repeats none."""


class Blocks:
    """Positional reads over a ByteSource, each block fetched at most once."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.size = source.size
        self._head = source.read(0, PREFIX)
        self._rest: dict[int, bytes] = {}
        if not self._head:
            raise ImageError("empty", "Expected an image, but the file has no bytes.")
        if len(self._head) < PREFIX or self.size <= PREFIX:
            self.size = len(self._head)

    @classmethod
    def of(cls, data: bytes) -> Blocks:
        """Blocks over bytes that are already here."""
        return cls(Buffer(data))

    def at(self, start: int, length: int) -> bytes:
        """Bytes ``[start, start + length)``, fewer at the end of the file."""
        end = start + length
        if end <= len(self._head):
            return self._head[start:end]
        end = min(end, self.size)
        if start >= end:
            return b""
        if isinstance(self.source, Buffer):
            return self.source.read(start, end - start)
        first, last = start // BLOCK, (end - 1) // BLOCK
        self._fetch(first, last)
        joined = b"".join(self._rest[block] for block in range(first, last + 1))
        return joined[start - first * BLOCK : end - first * BLOCK]

    def need(self, start: int, length: int) -> bytes:
        """Like ``at``, but raises ImageError ``truncated`` when the file ends before."""
        found = self.at(start, length)
        if len(found) < length:
            raise ImageError(
                "truncated",
                f"Expected {start + length} bytes for the header, but the file has {self.size}.",
            )
        return found

    def _fetch(self, first: int, last: int) -> None:
        missing = [block for block in range(first, last + 1) if block not in self._rest]
        if not missing:
            return
        start, end = missing[0] * BLOCK, min((missing[-1] + 1) * BLOCK, self.size)
        fetched = self.source.read(start, end - start)
        for block in range(missing[0], missing[-1] + 1):
            offset = block * BLOCK - start
            self._rest[block] = fetched[offset : offset + BLOCK]


class Buffer:
    """A ByteSource over bytes in memory."""

    def __init__(self, data: bytes, uri: str = "bytes:") -> None:
        self.data = data
        self.uri = uri
        self.size = len(data)

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if start == 0 and (length is None or length >= self.size):
            return self.data
        return self.data[start:] if length is None else self.data[start : start + length]


class EmbeddedFile:
    """A ByteSource over a piece of another: a file inside a file."""

    def __init__(self, whole: Blocks, start: int, length: int) -> None:
        self.uri = whole.source.uri
        self.size = max(0, min(length, whole.size - start))
        self._whole, self._start = whole, start

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        rest = max(0, self.size - start)
        return self._whole.at(self._start + start, rest if length is None else min(length, rest))


class BlockFile(io.BufferedReader):
    """A read-only file over Blocks, for libraries that want one."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(_RawBlocks(blocks))
        self._size = blocks.size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes. Memory is asked for what is there, not for what a damaged header asks for."""
        if size is None or size < 0:
            return super().read()
        return super().read(min(size, max(0, self._size - self.tell())))


class _RawBlocks(io.RawIOBase):
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._blocks.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffered) -> int:
        view = memoryview(buffer).cast("B")
        found = self._blocks.at(self._position, len(view))
        view[: len(found)] = found
        self._position += len(found)
        return len(found)
