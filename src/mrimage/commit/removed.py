"""The outputs that went because their images are gone or have changed, kept for the summary.

They are written down before they are deleted, so that a run that is killed in between still leaves their names to the
next one, and on disk, since they may be as many as the images.

    _run/removed/<hash>.parquet    what one step of the run was about to delete
    _run/removed.parquet           all that the last run to change anything took away: ``FROM removed`` in SQL
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import ROOT, delete_all, encode_arrow, list_names, localize, remove_empty
from mrimage.storage import Store
from mrimage.storage.deliver import deliver
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import OUTPUTS, REMOVED

NAMED = 1_000
"""Removed outputs that the summary names; the table has all."""

_PARTS = f"{ROOT}/removed"
_TABLE = f"{ROOT}/removed.parquet"


def note_removal(store: Store, outputs: Iterable[str]) -> None:
    """Write down that ``outputs`` are about to be deleted."""
    table = pa.table({"output": sorted(outputs)}, REMOVED)
    if table.num_rows:
        data = encode_arrow(table)
        store.write(f"{_PARTS}/{hashlib.sha256(data).hexdigest()[:16]}.parquet", data, durable=True)


def publish_removed(store: Store, scratch: Path) -> tuple[int, tuple[str, ...]]:
    """How many of the outputs written down are no longer in the published lineage, and the first of their names; what
    was made anew under its old name is not removed. Publishes the table of all of them."""
    parts = list_names(store, _PARTS)
    if not parts:
        store.delete(_TABLE)
        return 0, ()
    noted = read_parquet(localize(store, parts, scratch), REMOVED)
    lineage = read_parquet(localize(store, ["outputs.parquet"], scratch), OUTPUTS)
    query = f"SELECT DISTINCT output FROM {noted} n ANTI JOIN {lineage} o USING (output) ORDER BY output"
    path, count, named = scratch / "removed.parquet", 0, list[str]()
    with (
        connect(scratch) as connection,
        pq.ParquetWriter(path, REMOVED, compression="zstd") as writer,
    ):
        for batch in batches(connection, query):
            writer.write_batch(batch.cast(REMOVED))
            named += map(str, batch.column("output").slice(0, NAMED - len(named)).to_pylist())
            count += batch.num_rows
    deliver(store, path, _TABLE)
    return count, tuple(named)


def forget_removed(store: Store) -> None:
    """The summary has told of them."""
    delete_all(store, list_names(store, _PARTS))
    remove_empty(store, f"{_PARTS}/part")
