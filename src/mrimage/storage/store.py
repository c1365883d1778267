"""The interface of every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mrimage.errors import StoreError
from mrimage.types import Fault

OnUnlisted = Callable[[str, StoreError], None]
"""Called with the uri of a folder that could not be listed, and the reason."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file or object below a store's root.

    ``path`` has forward slashes. ``size`` is in bytes. ``version`` is an etag or a modification
    time. Until the first read, ``size`` may be unknown (-1) and ``version`` too (empty).

    ``fault``, ``file`` and ``is_link`` are those of an Entry. Only a local folder knows the
    latter two.
    """

    path: str
    size: int
    version: str
    fault: Fault | None = field(default=None, compare=False)
    file: str = field(default="", compare=False)
    is_link: bool = field(default=False, compare=False)


class Store(Protocol):
    """A tree of files below ``root``. Paths are relative to it, with forward slashes.

    Every method raises StoreError: NotFoundError for a missing path, DeniedError if access is
    refused, and an error with ``transient`` set if another try may succeed.
    """

    @property
    def root(self) -> str:
        """The store's url or path as the user would write it, without credentials."""
        ...

    @property
    def local(self) -> Path | None:
        """The store's folder on this machine, or None for a remote store."""
        ...

    def prepare(self) -> None:
        """Create the root and its parents if the store has folders. Buckets are never created."""
        ...

    def uri(self, path: str) -> str:
        """The full name of ``path``, which ``storage.open_uri`` can open."""
        ...

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        """Yield every file in the folder ``prefix``, recursively, in no particular order.

        A missing prefix contains nothing. A missing root raises NotFoundError, unless the store
        cannot know that it is missing. A folder below that disappears or is locked raises an
        error too, or is skipped and passed to ``unlisted``.
        """
        ...

    def stat(self, path: str) -> Item: ...

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        """The bytes ``[start, start + length)``, fewer at the end; all the rest without ``length``.

        With ``expected``, an item of a listing, another version raises ImageError("changed") and
        a missing file ImageError("vanished"), provided the store can notice with one request.
        """
        ...

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Write ``data`` to ``path`` atomically: readers see the old bytes or the new ones.

        With ``durable``, the file survives a power failure, and so does everything written to
        this store before. That is meant for the one file that commits a task, after its outputs.
        """
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Write ``data`` to ``path`` atomically if nothing exists there.

        Return whether this call created the file.
        """
        ...

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        """Write ``data`` to ``path`` if it contains exactly ``expected`` (compare and swap).

        Return whether this call replaced it. Of several callers that expect the same bytes, one
        succeeds, however slow the store is. No other caller should write the same ``data``: the
        store recognizes by it a write of its own whose response was lost.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove ``path``. It may be missing."""
        ...

    def sweep(self, prefix: str = "") -> int:
        """Remove the temporary files that killed writers left in ``prefix``; return their number.

        Only the run that holds the lock may do this, since it would remove a live writer's file
        too.
        """
        ...


class StoreSource:
    """One file of a store as a ByteSource.

    With ``expected``, an item of a listing, reads fail if the file is not the listed one.
    """

    __slots__ = ("_expected", "_path", "_size", "_store", "uri")

    def __init__(self, store: Store, path: str, uri: str, expected: Item | None = None) -> None:
        self.uri = uri
        self._store = store
        self._path = path
        self._expected = expected if expected and expected.version else None
        self._size = self._expected.size if self._expected else -1

    @property
    def size(self) -> int:
        if self._size < 0:
            self._size = self._store.stat(self._path).size
        return self._size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return self._store.read(self._path, start, length, expected=self._expected)
