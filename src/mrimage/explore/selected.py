"""A selection as a file: names, CSV or Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.explore.pile import VECTORS, Pile
from mrimage.report.tables.cells import write_csv

Flags = np.ndarray[Any, np.dtype[Any]]


def export_names(pile: Pile, chosen: Flags) -> Iterator[bytes]:
    """Yield the uris, one a line: a list that ``mrimage run`` reads as its source."""
    for table in _tables(pile, chosen, ["uri"]):
        lines = [f"{uri}\n" for uri in table["uri"].to_pylist()]
        yield "".join(lines).encode("utf-8", "surrogateescape")


def export_csv(pile: Pile, chosen: Flags) -> Iterator[bytes]:
    """Yield the catalogue's rows as CSV, without vectors. Text that a spreadsheet takes for a formula
    gets an apostrophe before it."""
    names = [name for name in pile.schema.names if name not in VECTORS]
    yield write_csv([names], quote_formulas=True).encode()
    for table in _tables(pile, chosen, names):
        cells = [[_flat(value) for value in row.values()] for row in table.to_pylist()]
        yield write_csv(cells, quote_formulas=True).encode("utf-8", "replace")


def export_parquet(pile: Pile, chosen: Flags) -> Iterator[bytes]:
    """Yield the catalogue's rows as one Parquet file."""
    file = io.BytesIO()
    with pq.ParquetWriter(file, pile.schema) as writer:
        for table in _tables(pile, chosen, pile.schema.names):
            writer.write_table(table.cast(pile.schema))
    yield file.getvalue()


EXPORTS: Mapping[str, tuple[str, str, Callable[[Pile, Flags], Iterator[bytes]]]] = {
    "names": ("selection.txt", "text/plain; charset=utf-8", export_names),
    "csv": ("selection.csv", "text/csv; charset=utf-8", export_csv),
    "parquet": ("selection.parquet", "application/vnd.apache.parquet", export_parquet),
}
"""File name, media type and writer of each form."""


def _tables(pile: Pile, chosen: Flags, names: list[str]) -> Iterator[pa.Table]:
    """Yield the chosen rows with the columns ``names``, in the order of the catalogue."""
    start = 0
    for file in pile.files:
        for batch in pq.ParquetFile(file).iter_batches(50_000, columns=names):
            here = chosen[start : start + batch.num_rows]
            start += batch.num_rows
            if here.any():
                yield pa.Table.from_batches([batch]).filter(pa.array(here)).select(names)


def _flat(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
