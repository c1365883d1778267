"""Members of containers: their names, where their bytes are, and what is wrong with a container."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mrimage.errors import ImageError
from mrimage.types import ByteSource, Fault

MAX_MEMBER = 1 << 30
"""Longest member in bytes that is read: what claims more is a bomb, not an image."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a container. ``offset`` to ``column`` say where its bytes are, as in ``types.MemberPlace``, so that
    it is opened without reading the index again.

    ``fault`` says why it cannot be read. ``is_link`` marks a second name of another member's bytes. ``elsewhere`` names
    the file that has the bytes where the container does not (Hugging Face's rows of a path alone). ``ignored`` says
    why something is no file: a key of ``source.IGNORED``.
    """

    name: str
    size: int
    offset: int = 0
    packed: int = 0
    method: int = 0
    checksum: int = 0
    column: str = ""
    fault: Fault | None = None
    is_link: bool = False
    elsewhere: str = ""
    ignored: str = ""


class Archive(Protocol):
    """A container whose members can be listed and opened."""

    def members(self) -> Iterator[Member]:
        """The members in the container's order. Raises ImageError, with "truncated", "corrupt" or "too-large", where
        the container cannot be read any further: what came before is whole."""
        ...

    def __hash__(self) -> int:
        """By identity: an index is kept for each open archive."""
        ...

    def open(self, member: Member) -> ByteSource:
        """The bytes of ``member``; nothing is read before the first ``read``."""
        ...


class Window:
    """A stretch of another ByteSource, as a ByteSource of its own."""

    __slots__ = ("_inner", "_start", "size", "uri")

    def __init__(self, uri: str, inner: ByteSource, start: int, size: int) -> None:
        self.uri = uri
        self.size = size
        self._inner = inner
        self._start = start

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.size > MAX_MEMBER:
            raise too_large(self.uri)
        wanted = self.size - start if length is None else min(length, self.size - start)
        if wanted <= 0:
            return b""
        data = self._inner.read(self._start + start, wanted)
        if len(data) < wanted:
            raise ImageError("truncated", f"{self.uri}: the archive ends within this member.")
        return data


class Broken:
    """What cannot be read: every read raises the reason."""

    __slots__ = ("_fault", "uri")

    size = 0

    def __init__(self, uri: str, fault: Fault) -> None:
        self.uri = uri
        self._fault = fault

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        raise ImageError(self._fault.reason, self._fault.message)


class BlockReader:
    """A ByteSource as a seekable binary file for libraries that want one, read in blocks of ``block`` bytes."""

    def __init__(self, source: ByteSource, block: int = 1 << 20) -> None:
        self.uri = source.uri
        self._source = source
        self._block = block
        self._position = 0
        self._start = 0
        self._data = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(self._source.size - self._position, 0)
        parts = []
        while size > 0:
            offset = self._position - self._start
            if not 0 <= offset < len(self._data):
                self._start = self._position
                self._data = self._source.read(self._position, max(self._block, size))
                offset = 0
            part = self._data[offset : offset + size]
            if not part:
                break
            parts.append(part)
            self._position += len(part)
            size -= len(part)
        return b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, self._source.size if whence == 2 else 0)[whence]
        if base + offset < 0:  # as files do: zipfile looks for its index from the end
            raise OSError(errno.EINVAL, "a place before the beginning")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is ever written."""

    def close(self) -> None:
        self.closed = True
        self._data = b""


_LONGEST_CHAIN = 40
"""Links that lead to each other in a row, as many as Linux follows."""


def end_of_chain(name: str, following: dict[str, str]) -> str:
    """What the link ``name`` leads to in the end, where ``following`` has what each link leads to; of a circle, any
    name of it.

    >>> end_of_chain("a", {"a": "b", "b": "c"}), end_of_chain("a", {"a": "a"})
    ('c', 'a')
    """
    for _ in range(_LONGEST_CHAIN):
        if name not in following:
            break
        name = following[name]
    return name


def too_large(uri: str) -> ImageError:
    """The error for a member over MAX_MEMBER."""
    return ImageError("too-large", f"{uri} claims more than {MAX_MEMBER >> 30} GiB.")
