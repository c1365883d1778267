"""The sink interface, and the sink that writes each output as a file of its own."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Protocol

from mrimage.job.name_template import Template
from mrimage.sink.naming import image_path
from mrimage.sink.sample import NO_EXTRAS
from mrimage.sink.templated import templated_path
from mrimage.storage import Store
from mrimage.storage.parallel import BackgroundWriter
from mrimage.types import OutputRow


class Sink(Protocol):
    """Where a task's outputs go. One sink serves one attempt at one task."""

    def name(
        self,
        key: str,
        path: str,
        extension: str,
        extras: Mapping[str, object] = NO_EXTRAS,
        size: str = "",
    ) -> str:
        """The name under ``key`` of the image made from the source ``path``. ``extras`` has the
        values of a template's fields, by their placeholders. ``size`` names one of several sizes.

        It does not include the name of a shard.
        """
        ...

    def put(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        """Write the output ``row.output``. Returns its name below OUT for the lineage.

        Shards also hold the ``extras``: values by name.
        """
        ...

    def close(self) -> None:
        """Make every output durable under its final name. Called once, before the task's commit."""
        ...


class FileSink:
    """Writes each output under its own name.

    Every write is atomic, so a repeated attempt changes nothing.
    """

    def __init__(
        self, store: Store, keyed_by_folder: bool = False, template: Template | None = None
    ) -> None:
        """``keyed_by_folder`` says that the key is the image's folder. A ``template`` makes the
        names."""
        self._template = template
        self._writer = BackgroundWriter(store)
        self._keyed_by_folder = keyed_by_folder

    def name(
        self,
        key: str,
        path: str,
        extension: str,
        extras: Mapping[str, object] = NO_EXTRAS,
        size: str = "",
    ) -> str:
        if self._template is not None:
            values = {name: str(value) for name, value in extras.items()}
            return templated_path(self._template, values, key, path, extension, size)
        if self._keyed_by_folder:
            path = posixpath.basename(path)
        return image_path(key, path, extension, size)

    def put(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        self._writer.write(row.output, data)
        return row.output

    def close(self) -> None:
        self._writer.flush()
