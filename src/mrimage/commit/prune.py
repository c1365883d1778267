"""Taking images out of what is committed: they are gone, have changed, or are to be tried again."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.commit.ledger import (
    Committed,
    delete_outputs,
    encode_arrow,
    localize,
    table_path,
    task_of,
)
from mrimage.commit.removed import note_removal
from mrimage.errors import ImageError, NotFoundError
from mrimage.sink.shards import repack, split_output
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import DONE_GROUPS, OUTPUTS, WEIGHED
from mrimage.types import OutputRow

TABLES = ("catalogue", "records", "outputs", "quarantine")

OUTDATED = "outdated"
"""A version that no entry has."""


def prune_split(
    store: Store, committed: Committed, task: str, uris: list[str], combined: bool
) -> None:
    """Take ``uris`` out of the committed split ``task``, and their outputs out of OUT.

    Outputs go first and the catalogue's rows last, so that a kill in between leaves rows by which the next run
    does the same again. Shards are written anew before, and deleted after, the lineage turns to the new ones. Where a
    combiner has merged values of several images, they cannot be taken apart, and neither can a shard that is damaged
    or missing: the whole split is forgotten, and its other images are mapped again.
    """
    lineage = _lineage(store, committed, task)
    leaving = set(uris)
    # Nothing left of it: forgotten, or the same images mapped anew would be this very split, committed already.
    images = sum(
        _read(store, name).num_rows
        for name in committed.tables("catalogue")
        if _belongs(name, task)
    )
    combined = combined or images <= len(leaving)
    gone = [row for row in lineage if row.uri in leaving]
    old = {file for file, member in (split_output(row.output) for row in gone) if member}
    try:
        moved = [] if combined else repack(store, lineage, gone)
    except (ImageError, NotFoundError):
        combined = True
    if combined:
        note_removal(store, [row.output for row in lineage])
        delete_outputs(store, sorted({split_output(row.output)[0] for row in lineage}))
        committed.forget([task])
        return
    removed = [row.output for row in gone]
    note_removal(store, removed)
    delete_outputs(store, [output for output in removed if split_output(output)[0] not in old])
    for kind in reversed(TABLES):
        for name in committed.tables(kind):
            if _belongs(name, task):
                table = _read(store, name)
                table = table.filter(pc.invert(_among(table, uris)))
                table = _turned(table, old, moved) if kind == "outputs" and old else table
                store.write(name, encode_arrow(table), durable=True)
    delete_outputs(store, sorted(old))


def outdate(store: Store, committed: Committed, task: str, uris: list[str]) -> None:
    """Mark ``uris`` in the committed split ``task`` as no longer what the source holds. The next run prunes them and
    maps them again, as it does with images that have changed, and a kill in between cannot lose that."""
    for name in committed.tables("catalogue"):
        if _belongs(name, task):
            table = _read(store, name)
            versions = pc.if_else(_among(table, uris), OUTDATED, table.column("version"))
            place = table.schema.get_field_index("version")
            store.write(
                name, encode_arrow(table.set_column(place, "version", versions)), durable=True
            )


def _lineage(store: Store, committed: Committed, task: str) -> list[OutputRow]:
    tables = [_read(store, name) for name in committed.tables("outputs") if _belongs(name, task)]
    return [OutputRow(**row) for table in tables for row in table.to_pylist()]


def _turned(lineage: pa.Table, old: set[str], moved: list[OutputRow]) -> pa.Table:
    """The lineage with the rows ``moved`` in place of those that lie in the shards ``old``."""
    rows = [row for row in lineage.to_pylist() if split_output(row["output"])[0] not in old]
    return pa.Table.from_pylist([*rows, *(asdict(row) for row in moved)], OUTPUTS)


def prune_groups(store: Store, reduced: Committed, weighed: Path, scratch: Path) -> bool:
    """Take out of the committed reduce tasks the groups that are no longer as they were, or no longer there; answer
    whether there were any. What is left is current, and no key is in two tasks.

    Outputs go first and the groups' rows last, so that a kill in between leaves rows by which the next run does
    the same again. A task that put images into quarantine is forgotten as a whole: which of its groups they failed in
    is not kept, and they may be the ones that have changed or gone.
    """
    pruned = False
    for name in reduced.tables("groups"):
        part = localize(store, [name], scratch)
        query = f"SELECT g.key FROM {read_parquet(part, DONE_GROUPS)} g ANTI JOIN {read_parquet([str(weighed)], WEIGHED)} w"
        with connect(scratch) as connection:
            stale = [
                key for (key,) in connection.execute(f"{query} USING (key, fingerprint)").fetchall()
            ]
        if not stale:
            continue
        pruned = True
        whole = table_path("reduce", task_of(name), "quarantine") in reduced.tables("quarantine")
        outputs = table_path("reduce", task_of(name), "outputs")
        if outputs in reduced.tables("outputs"):
            table = _read(store, outputs)
            gone = pc.is_valid(table.column("key")) if whole else _among(table, stale, "key")
            going = [str(output) for output in table.filter(gone).column("output").to_pylist()]
            note_removal(store, going)
            delete_outputs(store, going)
            store.write(outputs, encode_arrow(table.filter(pc.invert(gone))))
        if whole:
            reduced.forget([task_of(name)])
            continue
        groups = _read(store, name)
        store.write(
            name, encode_arrow(groups.filter(pc.invert(_among(groups, stale, "key")))), durable=True
        )
    return pruned


def _read(store: Store, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(store.read(name)))


def _among(table: pa.Table, values: list[str], column: str = "uri") -> Any:
    return pc.is_in(table.column(column), value_set=pa.array(values, pa.string()))


def _belongs(name: str, task: str) -> bool:
    return name.startswith(table_path("map", task, "").removesuffix(".parquet"))
