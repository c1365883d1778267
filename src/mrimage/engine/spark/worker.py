"""What runs in Spark's Python workers, without anything that needs a driver.

Spark retries a task whose Python process or executor died. Every attempt but the first is careful,
so that the image at fault is found. A lasting error comes back as an outcome, not as a failure, so
that Spark does not try it again.
"""

from __future__ import annotations

import io
import os
import socket
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cloudpickle
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import AccumulatorParam, TaskContext

from mrimage.commit.out_folder import JOB
from mrimage.engine.attempts import after_failure
from mrimage.engine.engine import EngineOptions
from mrimage.engine.shipping import load, parts_of
from mrimage.errors import MrimageError, StoreError
from mrimage.guard.memory import is_limited, limit_memory
from mrimage.job.job import Plan
from mrimage.shuffle.records import COLUMNS, Record, to_record
from mrimage.storage import StoreSettings, open_store
from mrimage.storage.names import path_if_local
from mrimage.types import Attempt, Partition, TaskReport

SortKey = tuple[str, str, int, bytes]
"""(key, uri, number, value); the value is empty if it does not count. Python orders text by code points, which is the order of its UTF-8 bytes."""

Row = tuple[bytes, str, int, str, dict[str, Any] | None, int, int, int]
"""The rest of a record: value, path, size, version, place, images, pixels, digest."""

ROWS = 10_000
"""Rows of a table in memory at once."""


class Outcomes(AccumulatorParam[list[Any]]):
    """A list on the driver that grows, in place, by what each finished task adds."""

    def zero(self, value: list[Any]) -> list[Any]:
        return []

    def addInPlace(self, value1: list[Any], value2: list[Any]) -> list[Any]:
        value1.extend(value2)
        return value1


@dataclass(frozen=True)
class Ranges:
    """The key ranges of a shuffle's partitions, in order.

    Partition i holds the keys from ``firsts[i]`` to ``lasts[i]``, both included.
    """

    firsts: tuple[str, ...]
    lasts: tuple[str, ...]

    def __call__(self, key: SortKey) -> int:
        """The partition of a record: the last one that begins at or before its key."""
        return max(0, bisect_right(self.firsts, key[0]) - 1)

    def holds(self, key: str) -> bool:
        """Whether any partition holds ``key``."""
        number = self((key, "", 0, b""))
        return self.firsts[number] <= key <= self.lasts[number]


def run_packed(
    payload: bytes, options: EngineOptions, outcomes: Any, tasks: Iterator[tuple[bytes, int]]
) -> None:
    """Run the shipped function on the packed task of this RDD partition.

    ``tasks`` yields one pair: the task, and how often it has failed in earlier Spark jobs.
    """
    ((packed, failures),) = tasks
    task = cloudpickle.loads(zlib.decompress(packed))
    function = load(payload)
    _attempt(task.id, partial(function, task), _plans(function), failures, options, outcomes)


def reduce_sorted(
    payload: bytes,
    partitions: tuple[Partition, ...],
    failures: tuple[int, ...],
    options: EngineOptions,
    outcomes: Any,
    rows: Iterator[tuple[SortKey, Row]],
) -> None:
    """Run the shipped function on the planned partition that this RDD partition is.

    ``failures`` counts, for each partition, how often it has failed in earlier Spark jobs.
    """
    number = _context().partitionId()
    partition = partitions[number]
    function = load(payload)
    work = partial(function, partition, _all_records(partition, rows))
    _attempt(partition.id, work, _plans(function), failures[number], options, outcomes)


def read_records(
    out: str,
    stores: StoreSettings,
    pending: str | None,
    by_value: bool,
    ranges: Ranges,
    names: Iterable[str],
) -> Iterator[tuple[SortKey, Row]]:
    """Yield the records of the tables ``names`` below OUT whose key is in ``ranges``, by sort key.

    With ``pending``, only records whose key is in that table. With ``by_value``, the value is part
    of the sort key.
    """
    store = open_store(out, stores)
    keys = _pending_keys(out, stores, pending) if pending else None
    for name in names:
        file = pq.ParquetFile(io.BytesIO(store.read(name)))
        for batch in file.iter_batches(ROWS, columns=list(COLUMNS)):
            if keys is not None:
                batch = batch.filter(pc.is_in(batch["key"], value_set=keys))
            columns = [batch[column].to_pylist() for column in COLUMNS]
            for key, uri, seq, *rest in zip(*columns, strict=True):
                if ranges.holds(key):
                    value = rest[0] if by_value else b""
                    yield (key, uri, seq, value), tuple(rest)


def _plans(function: Callable[..., Any]) -> list[Plan]:
    return [part for part in parts_of(function) if isinstance(part, Plan)]


def _attempt(
    task: str,
    work: Callable[[Attempt], TaskReport],
    plans: list[Plan],
    failures: int,
    options: EngineOptions,
    outcomes: Any,
) -> None:
    """Make one attempt, numbered as Spark numbers them, after ``failures`` in earlier Spark jobs.

    Its outcome is a report, or the error that ends the run. Spark retries any other error.
    """
    _limit_memory_once(options.memory)
    attempt = _numbered(failures + _context().attemptNumber() + 1)
    outcome: TaskReport | MrimageError
    try:
        for plan in plans:
            _require_folders(plan)
        outcome = work(attempt)
    except Exception as error:  # noqa: BLE001  # after_failure sorts them
        if isinstance(error, StoreError):
            # The driver could read and write there, so another machine may as well.
            error.transient = True
        try:
            _, delay = after_failure(attempt, error, task, options.retries)
        except MrimageError as final:
            outcome = final
        else:
            time.sleep(delay)
            raise
    outcomes.add([outcome])


def _numbered(number: int) -> Attempt:
    """The attempt with this number, on this worker; careful if it is not the first."""
    errors: tuple[str, ...] = ()
    if number > 1:
        errors = (f"Spark started attempt {number}",)
    return Attempt(
        number=number,
        careful=number > 1,
        expendable=True,
        worker=f"{socket.gethostname()} pid {os.getpid()}",
        errors=errors,
    )


def _require_folders(plan: Plan) -> None:
    """Raise StoreError if this machine lacks the driver's folders.

    Otherwise every image would seem to have vanished, and outputs would be written to a folder on
    this machine that is never read.
    """
    missing = []
    for name in plan.sources if plan.names is None else ():
        source = path_if_local(name)
        if source is None:
            continue
        # An archive may be followed by a member's name: photos.zip#folder.
        archive = source.partition("#")[0]
        if not Path(source).exists() and not Path(archive).exists():
            missing.append(name)
    out = path_if_local(plan.out)
    if out is not None and not Path(out, JOB).exists():
        missing.append(plan.out)
    for folder in missing:
        raise StoreError(
            f"Every machine needs {folder}, but it is not on {socket.gethostname()}. "
            "Mount it there at this path, or name it by its store: s3://..., hdfs://..."
        )


def _all_records(partition: Partition, rows: Iterator[tuple[SortKey, Row]]) -> Iterator[Record]:
    """Yield the rows as records. Raises StoreError if their number is not the planned one.

    A stream that breaks off looks like one that ends, and must not be committed.
    """
    received = 0
    for (key, uri, seq, _), rest in rows:
        received += 1
        yield to_record(key, uri, seq, rest)
    if received != partition.records:
        raise StoreError(
            f"Partition {partition.id} needs {partition.records} records, but got {received}.",
            transient=True,
        )


@lru_cache(maxsize=1)
def _pending_keys(out: str, stores: StoreSettings, pending: str) -> Any:
    data = open_store(out, stores).read(pending)
    table = pq.read_table(io.BytesIO(data), columns=["key"])
    return table["key"].combine_chunks()


def _limit_memory_once(room: int) -> None:
    """Limit this process's memory, unless an earlier task or Spark has limited it already."""
    if not is_limited():
        limit_memory(room)


def _context() -> TaskContext:
    context = TaskContext.get()
    assert context  # we are in a task
    return context
