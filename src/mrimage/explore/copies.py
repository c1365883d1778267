"""The duplicates that a run found, from ``duplicates.parquet`` or from those of its groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.explore.bins import MISSING, ArrowColumn
from mrimage.explore.database import Database

Numbers = np.ndarray[Any, np.dtype[Any]]

TABLE = "duplicates.parquet"

_GROUPS = f"""SELECT output, key FROM outputs
    WHERE uri IS NULL AND output LIKE 'groups/%/{TABLE}' ORDER BY output"""


@dataclass(frozen=True)
class Copies:
    """One item for each image that has a duplicate, sorted by cluster, the one to keep first.

    ``rows`` and ``clusters`` are uint32, ``keep`` is bool, and ``relations`` says how each image is
    like the one to keep.
    """

    rows: Numbers
    clusters: Numbers
    keep: Numbers
    relations: tuple[str, ...]

    LABELS: ClassVar[tuple[str, ...]] = ("keep", "drop")
    """The categories of the filter "Duplicate"."""

    def __len__(self) -> int:
        return len(self.rows)

    def codes(self, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the filter's code of each of ``count`` images."""
        codes = np.full(count, MISSING, np.uint8)
        codes[self.rows] = np.where(self.keep, 0, 1)
        return codes


NONE = Copies(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, bool), ())


def read_copies(database: Database, results: Path, uris: ArrowColumn) -> Copies:
    """Read the duplicates of the run in the folder ``results``, whose images are ``uris``.

    Files that the run does not name are not read, nor files outside of the folder. Images that are
    not in the catalogue are left out.
    """
    tables = [_prepared(pq.read_table(path)) for path in _files(database, results)]
    if not tables:
        return NONE
    # Clusters are numbered from 0 in each group's file.
    numbers = [one["cluster"].to_numpy() for one in tables]
    offset = 0
    for place, ours in enumerate(numbers):
        numbers[place] = ours + offset
        offset += int(ours.max(initial=0)) + 1
    clusters = np.concatenate(numbers)
    table = pa.concat_tables(tables)
    rows: ArrowColumn = pc.index_in(table["uri"], value_set=uris.combine_chunks())
    known = np.asarray(rows.is_valid().combine_chunks())
    order = np.flatnonzero(known)
    wanted: ArrowColumn = table["keep"]
    keep = np.asarray(wanted.fill_null(False).combine_chunks())
    order = order[np.lexsort((~keep[order], clusters[order]))]
    relations = table["relation"].to_pylist()
    return Copies(
        np.asarray(rows.fill_null(0).combine_chunks()).astype(np.uint32)[order],
        clusters[order].astype(np.uint32),
        keep[order],
        tuple(str(relations[place] or "") for place in order),
    )


def _files(database: Database, results: Path) -> Sequence[Path]:
    root = results.resolve()
    whole = root / TABLE
    if whole.is_file() and whole.resolve() == whole:
        return [whole]
    paths = [root / found["output"] for found in database.records(_GROUPS)]
    # A link, or dots in a name that someone else wrote, could lead to a file of the reader's own.
    return [path for path in paths if path.is_file() and path.resolve() == path]


def _prepared(table: pa.Table) -> pa.Table:
    """Return cluster, uri, keep and relation of a table, which calls the last one kind or relation."""
    relation = "relation" if "relation" in table.column_names else "kind"
    columns = [
        table["cluster"].cast(pa.int64()),
        table["uri"].cast(pa.string()),
        table["keep"].cast(pa.bool_()),
        table[relation].cast(pa.string()),
    ]
    return pa.table(columns, names=["cluster", "uri", "keep", "relation"])
