"""What the second pass has committed, compared with what it has to edit now.

_run/members/<split>.edited.parquet   what a task of the second pass has edited, and what became of it
_run/members/<split>...               its outputs, quarantine and TaskReport
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from mrimage.commit.ledger import Committed, delete_outputs, encode_arrow, localize, task_of
from mrimage.commit.prune import (
    forget_task,
    lineage_of,
    read_table,
    remove_outputs,
    tables_of,
)
from mrimage.errors import ImageError, NotFoundError
from mrimage.storage import Store
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import CURRENT_MEMBERS, EDITED, QUARANTINE

MEMBERS = "members"
"""The phase of the second pass."""

Pair = tuple[str, str]
"""A key and the uri of an image."""


def prune_members(store: Store, current: Path, scratch: Path) -> bool:
    """Remove what was edited of images that are gone, or that depend on statistics that have changed.

    ``current`` is the table of CURRENT_MEMBERS. Outputs go first and the rows of EDITED last, so that
    after a kill in between the rows that are left make the next run do the same again. Returns
    whether anything was removed.
    """
    committed = Committed(store, MEMBERS)
    stale = dict(_stale(committed, current, scratch))
    # An interrupted retry may have left failures of images that are to be edited again.
    suspects = {task_of(name) for name in committed.tables("quarantine")}
    changed = False
    for task in sorted(stale.keys() | suspects):
        changed |= _prune_task(store, committed, task, stale.get(task, set()))
    return changed


def _stale(committed: Committed, current: Path, scratch: Path) -> Iterator[tuple[str, set[Pair]]]:
    """Yield the tasks that have edited something that is out of date, each with what that is."""
    names = committed.tables("edited")
    edited = read_parquet(localize(committed.store, names, scratch), EDITED, filename=True)
    query = f"""
        SELECT split_part(parse_filename(filename), '.', 1) AS task, key, uri FROM {edited} e
        ANTI JOIN {read_parquet([str(current)], CURRENT_MEMBERS)} c
        USING (key, method, uri, fingerprint)
        ORDER BY task
    """
    with connect(scratch) as connection:
        rows = (row for batch in batches(connection, query) for row in _rows(batch))
        for task, group in groupby(rows, key=itemgetter(0)):
            yield task, {(key, uri) for _, key, uri in group}


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[str, str, str]]:
    yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _prune_task(store: Store, committed: Committed, task: str, stale: set[Pair]) -> bool:
    """Remove the images ``stale`` from a task. Returns whether that changed anything."""
    edited = _joined(store, tables_of(committed, "edited", task), EDITED)
    kept = [row for row in edited.to_pylist() if (row["key"], row["uri"]) not in stale]
    lineage = lineage_of(store, committed, task)
    if not kept:
        forget_task(store, committed, task, lineage)
        return True
    failed = {row["uri"] for row in kept if row["failed"]}
    quarantines = tables_of(committed, "quarantine", task)
    if not stale and failed.issuperset(_uris(store, quarantines)):
        return False
    try:
        removal = remove_outputs(
            store, lineage, [row for row in lineage if (row.key, row.uri) in stale]
        )
    except (ImageError, NotFoundError):
        forget_task(store, committed, task, lineage)
        return True
    for name in tables_of(committed, "outputs", task):
        rows = [
            row
            for row in read_table(store, name).to_pylist()
            if (row["key"], row["uri"]) not in stale
        ]
        table = read_table(store, name)
        new = removal.lineage(pa.Table.from_pylist(rows, table.schema))
        store.write(name, encode_arrow(new), durable=True)
    for name in quarantines:
        table = read_table(store, name)
        rows = [row for row in table.to_pylist() if row["uri"] in failed]
        store.write(name, encode_arrow(pa.Table.from_pylist(rows, QUARANTINE)), durable=True)
    for name in tables_of(committed, "edited", task):
        store.write(name, encode_arrow(pa.Table.from_pylist(kept, EDITED)), durable=True)
    delete_outputs(store, sorted(removal.old_shards))
    return True


def edit_again(store: Store, committed: Committed, task: str, uris: Collection[str]) -> None:
    """Have the next run edit the images ``uris`` of the task again, which have failed.

    It also removes their failures; see ``prune_members``.
    """
    for name in tables_of(committed, "edited", task):
        table = read_table(store, name)
        kept = [row for row in table.to_pylist() if not (row["failed"] and row["uri"] in uris)]
        store.write(name, encode_arrow(pa.Table.from_pylist(kept, EDITED)), durable=True)


def _joined(store: Store, names: list[str], schema: pa.Schema) -> pa.Table:
    tables = [read_table(store, name) for name in names]
    return pa.concat_tables([schema.empty_table(), *tables])


def _uris(store: Store, names: list[str]) -> set[str]:
    return {str(uri) for name in names for uri in read_table(store, name).column("uri").to_pylist()}
