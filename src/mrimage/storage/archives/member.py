"""Members of containers: their names, where their bytes are, and what is wrong with them."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mrimage.errors import ImageError
from mrimage.types import ByteSource, Fault

MAX_MEMBER = 1 << 30
"""Longest member in bytes: anything that claims more is a bomb, not an image."""

_LONGEST_CHAIN = 40
"""How many links may lead to each other in a row: as many as Linux follows."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a container.

    The fields from ``offset`` to ``column`` locate its bytes, as in ``types.MemberPlace``, so
    that it can be opened without reading the index again.

    ``fault`` says why it cannot be read. ``is_link`` marks a second name for another member's
    bytes. ``content`` is that of a small sidecar, and ``fields`` are the other columns of a row.
    ``elsewhere`` names a file outside the container that has the bytes (a Hugging Face row with
    only a path). ``ignored`` says why this is not a file at all: a key of ``types.IGNORED``.
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
    content: bytes | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


class Archive(Protocol):
    """A container whose members can be listed and opened."""

    def members(self) -> Iterator[Member]:
        """Yield the members in the container's order.

        Raises ImageError with the reason "truncated", "corrupt" or "too-large" where the
        container becomes unreadable; the members before that are intact.
        """
        ...

    def __hash__(self) -> int:
        """By identity: there is one index per open archive."""
        ...

    def open(self, member: Member) -> ByteSource:
        """Open ``member``. Nothing is read before the first ``read``."""
        ...


class Window:
    """A range of another ByteSource as a ByteSource of its own."""

    __slots__ = ("_inner", "_start", "size", "uri")

    def __init__(self, uri: str, inner: ByteSource, start: int, size: int) -> None:
        self.uri = uri
        self.size = size
        self._inner = inner
        self._start = start

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.size > MAX_MEMBER:
            raise too_large(self.uri)
        available = self.size - start
        wanted = available if length is None else min(length, available)
        if wanted <= 0:
            return b""
        data = self._inner.read(self._start + start, wanted)
        if len(data) < wanted:
            raise ImageError("truncated", f"{self.uri}: the archive ends within this member.")
        return data


class Broken:
    """A ByteSource that cannot be read: every read raises its fault."""

    __slots__ = ("_fault", "uri")

    size = 0

    def __init__(self, uri: str, fault: Fault) -> None:
        self.uri = uri
        self._fault = fault

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        raise ImageError(self._fault.reason, self._fault.message)


class BlockReader:
    """A ByteSource as a seekable binary file, for libraries that require one.

    Reads at least ``block`` bytes at a time.
    """

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
        position = self._base(whence) + offset
        if position < 0:
            # As files do: zipfile relies on it when it looks for its index from the end.
            raise OSError(errno.EINVAL, "a position before the beginning")
        self._position = position
        return position

    def _base(self, whence: int) -> int:
        """The position that ``seek`` counts from. Only ``whence`` 2 needs the source's size."""
        if whence == 2:
            return self._source.size
        return self._position if whence == 1 else 0

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        """Do nothing: the file is read-only."""

    def close(self) -> None:
        self.closed = True
        self._data = b""


def end_of_chain(name: str, targets: dict[str, str]) -> str:
    """The final target of the link ``name``; ``targets`` maps each link to its target.

    For links in a circle, this is any of them.

    >>> end_of_chain("a", {"a": "b", "b": "c"}), end_of_chain("a", {"a": "a"})
    ('c', 'a')
    """
    for _ in range(_LONGEST_CHAIN):
        if name not in targets:
            break
        name = targets[name]
    return name


def too_large(uri: str) -> ImageError:
    """The error for a member larger than MAX_MEMBER."""
    return ImageError("too-large", f"{uri} claims to have more than {MAX_MEMBER >> 30} GiB.")
