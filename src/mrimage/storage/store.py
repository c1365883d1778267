"""The one interface behind which every place for bytes stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Item:
    """One file or object below a store's root: ``path`` with forward slashes, ``size`` in bytes, ``version`` an etag
    or a modification time. ``size`` is -1 and ``version`` is empty where they are not known before the first read."""

    path: str
    size: int
    version: str


class Store(Protocol):
    """A tree of named bytes below ``root``. Paths are relative to it, with forward slashes.

    Every method raises StoreError: NotFoundError for a missing path, DeniedError for a refused one, and one
    with ``transient`` set where the caller's next try may succeed.
    """

    @property
    def root(self) -> str:
        """The store's place as the user would write it, without credentials."""
        ...

    def uri(self, path: str) -> str:
        """The full name of ``path``, from which ``storage.open_uri`` finds it again."""
        ...

    def list(self, prefix: str = "") -> Iterator[Item]:
        """Every file below the folder ``prefix``, recursively, streamed in no promised order.

        A missing prefix holds nothing; a missing root raises NotFoundError, where the store has such a thing.
        """
        ...

    def stat(self, path: str) -> Item: ...

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        """The bytes ``[start, start + length)``, fewer at the end; ``length=None`` reads to the end.

        With ``expected``, as listed, another version raises ImageError("changed") and a missing one
        ImageError("vanished"), as far as the store can tell without asking twice.
        """
        ...

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Put ``data`` under ``path`` as a whole: readers see the old bytes or the new ones, never a part.

        With ``durable`` it survives a power cut, and so does everything that was written to this store before:
        meant for the one file that commits a task, after its outputs.
        """
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Put ``data`` under ``path`` where there is nothing yet, atomically; answer whether that was so."""
        ...

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        """Put ``data`` under ``path`` if exactly ``expected`` is there now (compare and swap); return whether it was.

        Of several callers that expect the same bytes one succeeds, however slow the store is. ``data`` should be
        bytes that no other caller writes: by them a write whose answer was lost is recognized.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove ``path``; nothing to remove is no error."""
        ...


class StoreSource:
    """One file of a store as a ByteSource. With ``expected``, as listed, reads tell when it is not the same any more."""

    __slots__ = ("_expected", "_path", "_size", "_store", "uri")

    def __init__(self, store: Store, path: str, uri: str, expected: Item | None = None) -> None:
        self.uri = uri
        self._store = store
        self._path = path
        self._expected = expected if expected and expected.version else None
        self._size = expected.size if self._expected and expected else -1

    @property
    def size(self) -> int:
        if self._size < 0:
            self._size = self._store.stat(self._path).size
        return self._size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return self._store.read(self._path, start, length, expected=self._expected)
