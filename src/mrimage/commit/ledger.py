"""``_run/``: what a run has committed, and where its pieces lie.

A task writes its tables first and its report last; the report is the commit. Tables without a report are
leftovers of an attempt that was killed: nobody reads them, and the next attempt writes the same names.

    _run/job.json                     the description of the job, to tell another one
    _run/listing.parquet              the source as it was listed
    _run/map/<split>.<table>.parquet  tables of one split: catalogue, records, members, outputs,
                                      quarantine
    _run/map/<split>.json             its TaskReport: the commit
    _run/reduce/<partition>...        likewise: groups, outputs, quarantine
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import NotFoundError
from mrimage.storage import Item, Store
from mrimage.storage.disk import is_behind_link, own_files
from mrimage.storage.layout import ROOT as ROOT
from mrimage.storage.parallel import in_parallel
from mrimage.types import TaskReport

ROW_GROUP = 5_000
"""Rows of a row group, the least that a reduce task reads of a part of records: some 100 KB."""

UNCLEAN = f"{ROOT}/unclean"
"""There while OUT may hold outputs that no lineage names, because an attempt that had written some did not come to its
commit, and the next one may not have made the same: its images may have gone meanwhile."""


def encode_table(rows: list[dict[str, object]], schema: pa.Schema) -> bytes:
    """``rows`` as one Parquet file; the same rows are the same bytes."""
    return encode_arrow(pa.Table.from_pylist(rows, schema))


def encode_arrow(table: pa.Table) -> bytes:
    """``table`` as one Parquet file; the same table is the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=ROW_GROUP)
    return buffer.getvalue()


def table_path(phase: str, task: str, table: str) -> str:
    """Where a task's table lies below OUT."""
    return f"{ROOT}/{phase}/{task}.{table}.parquet"


def commit(store: Store, report: TaskReport) -> None:
    """The atomic moment at which a task counts."""
    store.write(
        f"{ROOT}/{report.phase}/{report.task}.json", msgspec.json.encode(report), durable=True
    )


class Committed:
    """The committed tasks of one phase (``map`` or ``reduce``), as listed once from the store."""

    def __init__(self, store: Store, phase: str) -> None:
        self.store, self.phase = store, phase
        self._items = list(list_files(store, f"{ROOT}/{phase}"))
        self._names = [item.path for item in self._items]
        self.tasks = {task_of(name) for name in self._names if name.endswith(".json")}

    def tables(self, table: str) -> list[str]:
        """Paths below OUT of every committed part of ``table``, sorted."""
        return sorted(
            name
            for name in self._names
            if name.endswith(".parquet") and task_of(name) in self.tasks and _table(name) == table
        )

    def items(self) -> list[Item]:
        """Everything that the tasks committed: tables and reports."""
        return [item for item in self._items if task_of(item.path) in self.tasks]

    def rows(self, table: str) -> Iterator[int]:
        """Rows of each committed part of ``table``, a file at a time."""
        for data in in_parallel(self.store, self.store.read, self.tables(table)):
            yield pq.ParquetFile(io.BytesIO(data)).metadata.num_rows

    def leftovers(self) -> list[str]:
        """Paths below OUT of tables that no commit claims."""
        return [name for name in self._names if task_of(name) not in self.tasks]

    def reports(self) -> Iterator[TaskReport]:
        for task in sorted(self.tasks):
            yield msgspec.json.decode(
                self.store.read(f"{ROOT}/{self.phase}/{task}.json"), type=TaskReport
            )

    def forget(self, tasks: Iterable[str]) -> None:
        """Take commits back: reports go first, so a kill in between leaves leftovers, never half a task."""
        gone = set(tasks)
        delete_all(self.store, [f"{ROOT}/{self.phase}/{task}.json" for task in sorted(gone)])
        delete_all(
            self.store,
            [name for name in self._names if task_of(name) in gone and name.endswith(".parquet")],
        )
        self.tasks -= gone


def delete_all(store: Store, names: Iterable[str]) -> None:
    """Remove every one of ``names``."""
    for _ in in_parallel(store, store.delete, names):
        pass


def delete_outputs(store: Store, outputs: Iterable[str]) -> None:
    """Remove every one of ``outputs``, and the local folders that this leaves empty."""
    names = list(outputs)
    for output, _ in zip(names, in_parallel(store, store.delete, names), strict=True):
        remove_empty(store, output)


def remove_empty(store: Store, name: str) -> None:
    """Remove the folders above ``name`` that are empty, where OUT is a local folder."""
    if not store.local or is_behind_link(str(store.local), name):
        return
    for folder in list(Path(name).parents)[:-1]:
        try:
            (store.local / folder).rmdir()
        except OSError:
            return  # not empty, or gone already


def localize(store: Store, names: Iterable[str], scratch: Path) -> list[str]:
    """Files of ``store`` as paths that DuckDB can open: in place where the store is local, else copied once."""
    if store.local:
        return [str(store.local / name) for name in names]
    return list(in_parallel(store, lambda name: _copy(store, name, scratch), names))


def _copy(store: Store, name: str, scratch: Path) -> str:
    target = scratch / "copies" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        partial.write_bytes(store.read(name))
        partial.replace(target)
    return str(target)


def list_names(store: Store, folder: str) -> list[str]:
    """Paths below OUT of the files in ``folder``; a missing folder has none."""
    return [item.path for item in list_files(store, folder)]


def list_files(store: Store, folder: str) -> Iterator[Item]:
    """The files in ``folder`` below OUT, as a stream; a missing folder has none."""
    with suppress(NotFoundError):
        yield from store.list(folder)


def owned_files(store: Store, folder: str) -> Iterator[str]:
    """Paths below OUT of the files in ``folder`` that a run may have written, and may delete. Links are not followed: what
    lies behind them is somebody else's. So is what is hidden: no output has such a name."""
    if store.local:
        names = own_files(str(store.local), folder)
    else:
        names = (item.path for item in list_files(store, folder))
    yield from (name for name in names if "/." not in name)


def is_description(job: object) -> bool:
    """Whether ``job`` is what a run writes down of its job."""
    return (
        isinstance(job, dict)
        and {"source", "key", "edits", "map", "reduce", "combine"} <= job.keys()
    )


def exists(store: Store, name: str) -> bool:
    """Whether there is a file ``name`` below OUT."""
    try:
        store.stat(name)
    except NotFoundError:
        return False
    return True


def task_of(path: str) -> str:
    """The task whose table ``path`` is."""
    return path.rpartition("/")[2].partition(".")[0]


def merge_tables(store: Store, names: list[str], target: str, schema: pa.Schema) -> None:
    """The rows of small tables as one, in the order of ``names``."""
    tables = [
        pq.read_table(io.BytesIO(data), schema=schema)
        for data in in_parallel(store, store.read, names)
    ]
    store.write(target, encode_arrow(pa.concat_tables([schema.empty_table(), *tables])))


def _table(name: str) -> str:
    return name.rpartition("/")[2].split(".")[1].partition("-")[0]
