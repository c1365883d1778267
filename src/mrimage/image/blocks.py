"""Random access to an image's bytes with few reads: most headers need only the first one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.types import ByteSource

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffered

PREFIX = 32 << 10
"""Bytes of the first read. It covers the whole header of nine photographs in ten."""

BLOCK = 64 << 10
"""Unit of every later read in bytes. Reads are aligned to it, so that a walk through boxes or
directories reads no byte twice."""


class Blocks:
    """Positional reads over a ByteSource that fetch each block at most once.

    Raises ImageError ``empty`` if the source has no bytes.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.size = source.size
        self._head = source.read(0, PREFIX)
        self._rest: dict[int, bytes] = {}
        if not self._head:
            raise ImageError("empty", "The file has no bytes.")
        # The size in a listing may be out of date; what was read is certain.
        if len(self._head) < PREFIX or self.size <= PREFIX:
            self.size = len(self._head)

    @classmethod
    def of(cls, data: bytes) -> Blocks:
        """Return Blocks over bytes in memory."""
        return cls(Buffer(data))

    def at(self, start: int, length: int) -> bytes:
        """Return bytes ``[start, start + length)``, or fewer at the end of the file."""
        end = start + length
        if end <= len(self._head):
            return self._head[start:end]
        end = min(end, self.size)
        if start >= end:
            return b""
        if isinstance(self.source, Buffer):
            return self.source.read(start, end - start)
        first = start // BLOCK
        last = (end - 1) // BLOCK
        self._fetch(first, last)
        joined = b"".join(self._rest[block] for block in range(first, last + 1))
        offset = first * BLOCK
        return joined[start - offset : end - offset]

    def need(self, start: int, length: int) -> bytes:
        """Like ``at``, but raises ImageError ``truncated`` if the file ends earlier."""
        found = self.at(start, length)
        if len(found) < length:
            raise ImageError(
                "truncated",
                f"The header needs {start + length} bytes, but the file has only {self.size}.",
            )
        return found

    def _fetch(self, first: int, last: int) -> None:
        """Read the blocks from ``first`` to ``last`` that are missing, in one request."""
        missing = [block for block in range(first, last + 1) if block not in self._rest]
        if not missing:
            return
        start = missing[0] * BLOCK
        end = min((missing[-1] + 1) * BLOCK, self.size)
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
        if length is None:
            return self.data[start:]
        return self.data[start : start + length]


class EmbeddedFile:
    """A ByteSource over a piece of another one: a file inside a file."""

    def __init__(self, whole: Blocks, start: int, length: int) -> None:
        self.uri = whole.source.uri
        self.size = max(0, min(length, whole.size - start))
        self._whole = whole
        self._start = start

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        rest = max(0, self.size - start)
        if length is not None:
            rest = min(length, rest)
        return self._whole.at(self._start + start, rest)


class BlockFile(io.BufferedReader):
    """A read-only file over Blocks, for libraries that need a file."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(_RawBlocks(blocks))
        self._size = blocks.size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most ``size`` bytes."""
        if size is None or size < 0:
            return super().read()
        # BufferedReader allocates all of ``size``, which a damaged header may put at gigabytes.
        available = max(0, self._size - self.tell())
        return super().read(min(size, available))


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
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._blocks.size}
        base = bases[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffered) -> int:
        view = memoryview(buffer).cast("B")
        found = self._blocks.at(self._position, len(view))
        view[: len(found)] = found
        self._position += len(found)
        return len(found)
