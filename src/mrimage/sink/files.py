"""The sink that writes each output as a file of its own."""

from __future__ import annotations

from typing import Protocol

from mrimage.sink.naming import image_path
from mrimage.storage import Store
from mrimage.storage.parallel import BackgroundWriter
from mrimage.types import OutputRow


class Sink(Protocol):
    """Where a task's outputs go. One sink serves one attempt of one task."""

    def name(self, key: str, path: str, extension: str) -> str:
        """What the image made from the source ``path`` under ``key`` is called here, without a shard's name."""
        ...

    def put(self, row: OutputRow, data: bytes) -> str:
        """Take ``data`` for the output ``row.output`` and answer the name that lineage records, below OUT."""
        ...

    def close(self) -> None:
        """Make everything that was put durable under its final name. Called once, before the task's commit."""
        ...


class FileSink:
    """Each output under its own name; writing is atomic, so a repeated attempt changes nothing."""

    def __init__(self, store: Store) -> None:
        self._writer = BackgroundWriter(store)

    def name(self, key: str, path: str, extension: str) -> str:
        return image_path(key, path, extension)

    def put(self, row: OutputRow, data: bytes) -> str:
        self._writer.write(row.output, data)
        return row.output

    def close(self) -> None:
        self._writer.flush()
