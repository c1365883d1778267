"""Taking images out of what is committed: they are gone, have changed, or are to be tried again."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.sink.state import Committed, encode_arrow, table_path
from mrimage.storage import Store
from mrimage.storage.names import local_path, scheme

TABLES = ("catalogue", "records", "outputs", "quarantine")


def prune_split(store: Store, committed: Committed, task: str, uris: list[str], combined: bool) -> list[str]:
    """Take ``uris`` out of the committed split ``task``; answer the outputs that went.

    Outputs go first and the catalogue's rows last, so that a kill in between leaves rows by which the next run
    does the same again. Where a combiner has merged values of several images, they cannot be taken apart: the
    whole split is forgotten, and its other images are mapped again.
    """
    removed: list[str] = []
    for name in committed.tables("outputs"):
        if _belongs(name, task):
            table = _read(store, name)
            gone = table if combined else table.filter(_among(table, uris))
            removed += [str(output) for output in gone.column("output").to_pylist()]
    delete_outputs(store, removed)
    if combined:
        committed.forget([task])
        return removed
    for kind in reversed(TABLES):
        for name in committed.tables(kind):
            if _belongs(name, task):
                table = _read(store, name)
                store.write(name, encode_arrow(table.filter(pc.invert(_among(table, uris)))))
    return removed


def delete_outputs(store: Store, outputs: Iterable[str]) -> None:
    """Delete files below OUT, and the local folders that this leaves empty."""
    for output in outputs:
        store.delete(output)
        if scheme(store.root) == "file":
            _remove_empty(Path(local_path(store.root)), output)


def _remove_empty(root: Path, output: str) -> None:
    for folder in list(Path(output).parents)[:-1]:
        try:
            (root / folder).rmdir()
        except OSError:
            return  # not empty, or gone already


def _read(store: Store, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(store.read(name)))


def _among(table: pa.Table, uris: list[str]) -> Any:
    return pc.is_in(table.column("uri"), value_set=pa.array(uris, pa.string()))


def _belongs(name: str, task: str) -> bool:
    return name.startswith(table_path("map", task, "").removesuffix(".parquet"))
