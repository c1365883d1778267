"""Remove images from what is committed: they are gone, have changed, or are to be tried again."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
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

TABLES = ("catalogue", "records", "members", "statistics", "outputs", "quarantine")
"""Kinds of tables of a split."""

OUTDATED = "outdated"
"""A version that no entry has."""


def prune_split(
    store: Store, committed: Committed, task: str, uris: list[str], combined: bool
) -> None:
    """Remove the images ``uris`` from the committed split ``task``, and their outputs from OUT.

    Outputs go first and the catalogue's rows last, so that after a kill in between the rows that
    are left make the next run do the same again. New shards are written before the lineage
    switches to them, and the old ones are deleted afterwards.

    The whole split is forgotten, and its other images are mapped again, if ``combined`` (a
    combiner has merged the values of several images), or if a shard is damaged or missing.
    """
    lineage = lineage_of(store, committed, task)
    leaving = set(uris)
    # A split that loses all its images must be forgotten. Otherwise, if the same images came back,
    # they would form a split with the same id, which would count as committed.
    keeps_images = _images_of(store, committed, task) > len(leaving)
    if combined or not keeps_images:
        forget_task(store, committed, task, lineage)
        return
    try:
        removal = remove_outputs(store, lineage, [row for row in lineage if row.uri in leaving])
    except (ImageError, NotFoundError):
        forget_task(store, committed, task, lineage)
        return
    for kind in reversed(TABLES):
        for name in tables_of(committed, kind, task):
            table = _without(read_table(store, name), "uri", uris)
            if kind == "outputs":
                table = removal.lineage(table)
            store.write(name, encode_arrow(table), durable=True)
    delete_outputs(store, sorted(removal.old_shards))


@dataclass(frozen=True, slots=True)
class Removal:
    """Outputs that are removed from a task. The images that stay from ``old_shards`` are in new ones,
    with the lineage ``moved``; the old ones are deleted once the lineage has switched."""

    old_shards: frozenset[str]
    moved: tuple[OutputRow, ...]

    def lineage(self, kept: pa.Table) -> pa.Table:
        """The task's new lineage; ``kept`` is the old one without the rows that are gone."""
        if not self.old_shards:
            return kept
        rows = [row for row in kept.to_pylist() if _file_of(row["output"]) not in self.old_shards]
        rows += [asdict(row) for row in self.moved]
        return pa.Table.from_pylist(rows, OUTPUTS)


def remove_outputs(store: Store, lineage: list[OutputRow], gone: list[OutputRow]) -> Removal:
    """Delete the outputs ``gone`` of a task, and pack shards that lose some of theirs again.

    Raises ImageError or NotFoundError if a shard is damaged or missing.
    """
    moved = repack(store, lineage, gone)
    names = [row.output for row in gone]
    note_removal(store, names)
    delete_outputs(store, [name for name in names if not _is_in_shard(name)])
    shards = frozenset(_file_of(name) for name in names if _is_in_shard(name))
    return Removal(shards, tuple(moved))


def forget_task(
    store: Store, committed: Committed, task: str, lineage: Iterable[OutputRow]
) -> None:
    """Forget the task, and remove all of its outputs."""
    names = [row.output for row in lineage]
    note_removal(store, names)
    delete_outputs(store, sorted({_file_of(name) for name in names}))
    committed.forget([task])


def outdate(store: Store, committed: Committed, task: str, uris: list[str]) -> None:
    """Mark the images ``uris`` of the committed split ``task`` as out of date.

    The next run removes them and maps them again, like images that have changed. A kill in
    between cannot lose the mark.
    """
    import pyarrow.compute as pc

    for name in tables_of(committed, "catalogue", task):
        table = read_table(store, name)
        versions = pc.if_else(_is_among(table, "uri", uris), OUTDATED, table.column("version"))
        position = table.schema.get_field_index("version")
        marked = table.set_column(position, "version", versions)
        store.write(name, encode_arrow(marked), durable=True)


def _images_of(store: Store, committed: Committed, task: str) -> int:
    """The number of images in the catalogue of the split."""
    names = tables_of(committed, "catalogue", task)
    return sum(read_table(store, name).num_rows for name in names)


def lineage_of(store: Store, committed: Committed, task: str) -> list[OutputRow]:
    rows: list[OutputRow] = []
    for name in tables_of(committed, "outputs", task):
        rows += [OutputRow(**row) for row in read_table(store, name).to_pylist()]
    return rows


def prune_groups(store: Store, reduced: Committed, weighed: Path, scratch: Path) -> bool:
    """Remove from the committed reduce tasks the groups that are gone or have changed.

    What is left is up to date, and no key is in two tasks. Returns whether there were any.

    Outputs go first and the groups' rows last, so that after a kill in between the rows that are
    left make the next run do the same again. A task with images in quarantine is forgotten as a
    whole: it does not record in which of its groups they failed, and these may be the groups that
    are gone or have changed.
    """
    pruned = False
    for name in reduced.tables("groups"):
        stale = stale_keys(store, name, weighed, scratch)
        if stale:
            pruned = True
            _prune_partition(store, reduced, name, stale)
    return pruned


def stale_keys(store: Store, name: str, weighed: Path, scratch: Path) -> list[str]:
    """Keys in the groups table ``name`` that are gone, or whose records have changed."""
    done = read_parquet(localize(store, [name], scratch), DONE_GROUPS)
    current = read_parquet([str(weighed)], WEIGHED)
    query = f"SELECT g.key FROM {done} g ANTI JOIN {current} w USING (key, fingerprint)"
    with connect(scratch) as connection:
        return [key for (key,) in connection.execute(query).fetchall()]


def _prune_partition(store: Store, reduced: Committed, name: str, stale: list[str]) -> None:
    """Remove the groups ``stale`` from the reduce task that has the groups table ``name``."""
    import pyarrow.compute as pc

    task = task_of(name)
    forget_all = table_path("reduce", task, "quarantine") in reduced.tables("quarantine")
    outputs = table_path("reduce", task, "outputs")
    if outputs in reduced.tables("outputs"):
        table = read_table(store, outputs)
        gone = pc.is_valid(table.column("key")) if forget_all else _is_among(table, "key", stale)
        names = _output_names(table.filter(gone))
        note_removal(store, names)
        delete_outputs(store, names)
        store.write(outputs, encode_arrow(table.filter(pc.invert(gone))))
    if forget_all:
        reduced.forget([task])
        return
    groups = _without(read_table(store, name), "key", stale)
    store.write(name, encode_arrow(groups), durable=True)


def forget_outputs(store: Store, phase: str, tasks: Iterable[str] | None = None) -> bool:
    """Revoke the commits of ``tasks``, or of all tasks of the phase, and remove their outputs.

    Outputs go first and the commits last, so that after a kill in between the commits that are
    left make the next run do the same again. Returns whether there were any commits.
    """
    committed = Committed(store, phase)
    gone = committed.tasks if tasks is None else committed.tasks & set(tasks)
    if not gone:
        return False
    for name in committed.tables("outputs"):
        if task_of(name) in gone:
            outputs = _output_names(read_table(store, name))
            note_removal(store, outputs)
            delete_outputs(store, sorted(set(map(_file_of, outputs))))
    committed.forget(list(gone))
    return True


def read_table(store: Store, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(store.read(name)))


def _output_names(lineage: pa.Table) -> list[str]:
    return [str(output) for output in lineage.column("output").to_pylist()]


def _is_among(table: pa.Table, column: str, values: list[str]) -> Any:
    """A mask of the rows whose cell in the column is one of ``values``."""
    import pyarrow.compute as pc

    return pc.is_in(table.column(column), value_set=pa.array(values, pa.string()))


def _without(table: pa.Table, column: str, values: list[str]) -> pa.Table:
    """The table without the rows whose cell in the column is one of ``values``."""
    import pyarrow.compute as pc

    return table.filter(pc.invert(_is_among(table, column, values)))


def tables_of(committed: Committed, kind: str, task: str) -> list[str]:
    """Paths below OUT of the tables of one kind that the task committed."""
    return [name for name in committed.tables(kind) if task_of(name) == task]


def _file_of(output: str) -> str:
    file, _ = split_output(output)
    return file


def _is_in_shard(output: str) -> bool:
    _, member = split_output(output)
    return bool(member)
