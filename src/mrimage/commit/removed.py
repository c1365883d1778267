"""The outputs that were deleted because their images are gone or have changed, for the summary.

Their names are written down before they are deleted, so that after a kill the next run still has
them. They are kept on disk because there may be as many as images.

    _run/removed/<hash>.parquet    what one step of the run was about to delete
    _run/removed.parquet           everything that the last run with a change removed: ``removed``
                                   in SQL
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
"""How many removed outputs the summary names; the table has all of them."""

_STEPS = f"{ROOT}/removed"
_TABLE = f"{ROOT}/removed.parquet"


def note_removal(store: Store, outputs: Iterable[str]) -> None:
    """Write down that ``outputs`` are about to be deleted."""
    table = pa.table({"output": sorted(outputs)}, REMOVED)
    if table.num_rows:
        data = encode_arrow(table)
        name = hashlib.sha256(data).hexdigest()[:16]
        store.write(f"{_STEPS}/{name}.parquet", data, durable=True)


def publish_removed(store: Store, scratch: Path) -> tuple[int, tuple[str, ...]]:
    """Publish the table of the removed outputs. Returns their number, and the first NAMED names.

    An output that was made again under the same name does not count as removed.
    """
    steps = list_names(store, _STEPS)
    if not steps:
        store.delete(_TABLE)
        return 0, ()
    noted = read_parquet(localize(store, steps, scratch), REMOVED)
    lineage = read_parquet(localize(store, ["outputs.parquet"], scratch), OUTPUTS)
    query = f"""
        SELECT DISTINCT output FROM {noted} n
        ANTI JOIN {lineage} o USING (output)
        ORDER BY output
    """
    path = scratch / "removed.parquet"
    count = 0
    first: list[str] = []
    with (
        connect(scratch) as connection,
        pq.ParquetWriter(path, REMOVED, compression="zstd") as writer,
    ):
        for batch in batches(connection, query):
            writer.write_batch(batch.cast(REMOVED))
            count += batch.num_rows
            missing = NAMED - len(first)
            first += map(str, batch.column("output").slice(0, missing).to_pylist())
    deliver(store, path, _TABLE)
    return count, tuple(first)


def forget_removed(store: Store) -> None:
    """Delete the notes, once the summary has reported them."""
    delete_all(store, list_names(store, _STEPS))
    remove_empty(store, f"{_STEPS}/part")
