"""The ledger of a run, in ``_run/``: what each task has committed, and where its tables are.

A task writes its tables first and its report last; the report is the commit. Tables without a
report are leftovers of an attempt that was killed: nothing reads them, and the next attempt writes
files of the same names.

    _run/job.json                     the description of the job, to recognize it
    _run/splits.json                  where map cuts its splits, until it has finished
    _run/map/<split>.<table>.parquet  tables of one split: catalogue, records, members, outputs,
                                      quarantine
    _run/map/<split>.json             its TaskReport: the commit
    _run/reduce/<partition>...        the same for a partition: groups, outputs, quarantine
    _run/rounds/, _run/program/       what the rounds of a program did: see ``rounds``
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
"""Rows of a row group. It is the least that a reduce task reads of a table of records: ~100 KB."""

UNCLEAN = f"{ROOT}/unclean"
"""A marker that exists while OUT may hold outputs that no lineage names.

An attempt may have written outputs and failed before its commit. The next attempt need not write
the same ones, because images may have disappeared in between.
"""

_DESCRIBED = frozenset({"source", "key", "edits", "map", "reduce", "combine"})
"""Fields that every description of a job has."""


def encode_arrow(table: pa.Table) -> bytes:
    """The table as one Parquet file. The same table gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=ROW_GROUP)
    return buffer.getvalue()


def table_path(phase: str, task: str, table: str) -> str:
    """The path of a task's table below OUT."""
    return f"{ROOT}/{phase}/{task}.{table}.parquet"


def report_path(phase: str, task: str) -> str:
    """The path of a task's report below OUT."""
    return f"{ROOT}/{phase}/{task}.json"


def commit_task(store: Store, report: TaskReport) -> None:
    """Commit a task: write its report. The write is atomic and durable."""
    path = report_path(report.phase, report.task)
    store.write(path, msgspec.json.encode(report), durable=True)


class Committed:
    """The committed tasks of one phase, such as ``map`` or ``reduce``, listed once from the store.

    ``items`` are the files of the phase if they have been listed already.
    """

    def __init__(self, store: Store, phase: str, items: Iterable[Item] | None = None) -> None:
        self.store = store
        self.phase = phase
        if items is None:
            items = list_files(store, f"{ROOT}/{phase}")
        self._items = list(items)
        self._names = [item.path for item in self._items]
        self.tasks = {task_of(name) for name in self._names if name.endswith(".json")}

    def tables(self, table: str) -> list[str]:
        """Paths below OUT of the committed tables of one kind, sorted."""
        names = (name for name in self._names if name.endswith(".parquet"))
        committed = (name for name in names if task_of(name) in self.tasks)
        return sorted(name for name in committed if _table_of(name) == table)

    def all_items(self) -> list[Item]:
        """Every file of the phase, committed or not."""
        return list(self._items)

    def items(self) -> list[Item]:
        """Every file that the tasks committed: tables and reports."""
        return [item for item in self._items if task_of(item.path) in self.tasks]

    def rows(self, table: str) -> Iterator[int]:
        """Yield the number of rows of each committed table of one kind."""
        for data in in_parallel(self.store, self.store.read, self.tables(table)):
            yield pq.ParquetFile(io.BytesIO(data)).metadata.num_rows

    def leftovers(self) -> list[str]:
        """Paths below OUT of tables without a commit."""
        return [name for name in self._names if task_of(name) not in self.tasks]

    def reports(self) -> Iterator[TaskReport]:
        """Yield the reports, sorted by task."""
        for task in sorted(self.tasks):
            data = self.store.read(report_path(self.phase, task))
            yield msgspec.json.decode(data, type=TaskReport)

    def forget(self, tasks: Iterable[str]) -> None:
        """Revoke commits.

        Reports are deleted before tables. So a kill in between leaves tables without a commit, but
        never a commit without its tables.
        """
        gone = set(tasks)
        reports = [report_path(self.phase, task) for task in sorted(gone)]
        tables = [name for name in self._names if name.endswith(".parquet")]
        delete_all(self.store, reports)
        delete_all(self.store, [name for name in tables if task_of(name) in gone])
        self.tasks -= gone


def delete_all(store: Store, names: Iterable[str]) -> None:
    """Delete the files ``names`` below OUT."""
    for _ in in_parallel(store, store.delete, names):
        pass


def delete_outputs(store: Store, outputs: Iterable[str]) -> None:
    """Delete files below OUT, and the local folders that this leaves empty."""
    names = list(outputs)
    deletions = in_parallel(store, store.delete, names)
    for output, _ in zip(names, deletions, strict=True):
        remove_empty(store, output)


def remove_empty(store: Store, name: str) -> None:
    """Remove the empty folders above ``name`` if OUT is a local folder."""
    if not store.local or is_behind_link(str(store.local), name):
        return
    folders_below_out = list(Path(name).parents)[:-1]
    for folder in folders_below_out:
        try:
            (store.local / folder).rmdir()
        except OSError:
            # It is not empty, or another process has removed it.
            return


def localize(store: Store, names: Iterable[str], scratch: Path) -> list[str]:
    """Local paths of files below OUT, for DuckDB.

    Files of a remote store are copied to ``scratch``, each once.
    """
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
    """Paths below OUT of the files in ``folder``. A missing folder has none."""
    return [item.path for item in list_files(store, folder)]


def list_files(store: Store, folder: str) -> Iterator[Item]:
    """Yield the files in ``folder`` below OUT. A missing folder has none."""
    with suppress(NotFoundError):
        yield from store.list(folder)


def owned_files(store: Store, folder: str) -> Iterator[str]:
    """Yield paths below OUT of the files in ``folder`` that a run may have written, and may delete.

    Files behind links are left out, because they belong to someone else. So are hidden files,
    because no output has a hidden name.
    """
    if store.local:
        names = own_files(str(store.local), folder)
    else:
        names = (item.path for item in list_files(store, folder))
    yield from (name for name in names if "/." not in name)


def is_description(job: object) -> bool:
    """Whether decoded JSON is the description of a job."""
    return isinstance(job, dict) and job.keys() >= _DESCRIBED


def exists(store: Store, name: str) -> bool:
    """Whether a file exists below OUT."""
    try:
        store.stat(name)
    except NotFoundError:
        return False
    return True


def task_of(path: str) -> str:
    """The id of the task that wrote the table or report ``path``."""
    _, _, name = path.rpartition("/")
    task, _, _ = name.partition(".")
    return task


def table_name(path: str) -> str:
    """What follows the kind in a table's name: ``clusters`` for ``<task>.found-clusters.parquet``."""
    _, _, name = path.rpartition("/")
    _, _, rest = name.split(".")[1].partition("-")
    return rest


def _table_of(path: str) -> str:
    """The kind of table: ``records`` for ``_run/map/<split>.records-00000.parquet``."""
    _, _, name = path.rpartition("/")
    table, _, _ = name.split(".")[1].partition("-")
    return table


def read_column(store: Store, name: str, column: str) -> list[str]:
    """Read one column of text of the small table ``name`` below OUT."""
    table = pq.read_table(io.BytesIO(store.read(name)), columns=[column])
    return [str(value) for value in table.column(column).to_pylist()]


def merge_tables(store: Store, names: list[str], target: str, schema: pa.Schema) -> None:
    """Write the rows of small tables as one table ``target``, in the order of ``names``."""
    contents = in_parallel(store, store.read, names)
    tables = [pq.read_table(io.BytesIO(data), schema=schema) for data in contents]
    merged = pa.concat_tables([schema.empty_table(), *tables])
    store.write(target, encode_arrow(merged))
