"""The sink that writes each output as a file of its own."""

from __future__ import annotations

from typing import Protocol

from mrimage.storage import Store


class Sink(Protocol):
    """Where a task's outputs go. One sink serves one attempt of one task."""

    def put(self, path: str, data: bytes) -> str:
        """Take ``data`` for the output ``path`` (below OUT) and answer the name that lineage records."""
        ...

    def close(self) -> None:
        """Make everything that was put durable under its final name. Called once, before the task's commit."""
        ...


class FileSink:
    """Each output under its own name; writing is atomic, so a repeated attempt changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, path: str, data: bytes) -> str:
        self._store.write(path, data)
        return path

    def close(self) -> None:
        """Nothing is held back."""
