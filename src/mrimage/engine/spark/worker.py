"""What runs in Spark's Python workers, and nothing that needs a driver.

Spark retries a task whose Python process or executor died; every attempt but the first is careful, so the image
at fault is found. What will not pass by trying again comes back as an outcome, not as a failure, so that Spark
does not try it four times.
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

SortKey = tuple[str, str, int]
"""(key, uri, number): Python orders text by code points, which is the order of its UTF-8 bytes."""

Row = tuple[bytes, str, int, str, dict[str, Any] | None, int, int, int]
"""The rest of a record: value, path, size, version, place, images, pixels, digest."""

ROWS = 10_000
"""Rows of a part in memory at once."""


class Outcomes(AccumulatorParam[list[Any]]):
    """A list that grows on the driver, in place, by what each finished task adds."""

    def zero(self, value: list[Any]) -> list[Any]:
        return []

    def addInPlace(self, value1: list[Any], value2: list[Any]) -> list[Any]:
        value1.extend(value2)
        return value1


@dataclass(frozen=True)
class Ranges:
    """The ranges of keys of a shuffle's partitions, in order: number i goes from ``firsts[i]`` to ``lasts[i]``."""

    firsts: tuple[str, ...]
    lasts: tuple[str, ...]

    def __call__(self, key: SortKey) -> int:
        """The partition of a record: the last one that begins at or before its key."""
        return max(0, bisect_right(self.firsts, key[0]) - 1)

    def holds(self, key: str) -> bool:
        """Whether any partition takes ``key``."""
        number = self((key, "", 0))
        return self.firsts[number] <= key <= self.lasts[number]


def run_packed(
    payload: bytes, options: EngineOptions, outcomes: Any, tasks: Iterator[tuple[bytes, int]]
) -> None:
    """Run the shipped function on the packed task that is this RDD partition, after that many failed attempts."""
    ((packed, failures),) = tasks
    task, function = cloudpickle.loads(zlib.decompress(packed)), load(payload)
    _attempt(task.id, partial(function, task), _plans(function), failures, options, outcomes)


def reduce_sorted(
    payload: bytes,
    partitions: tuple[Partition, ...],
    failures: tuple[int, ...],
    options: EngineOptions,
    outcomes: Any,
    rows: Iterator[tuple[SortKey, Row]],
) -> None:
    """Run the shipped function on the planned partition that this RDD partition is, after so many failed attempts."""
    number = _context().partitionId()
    partition, function = partitions[number], load(payload)
    work = partial(function, partition, _whole(partition, rows))
    _attempt(partition.id, work, _plans(function), failures[number], options, outcomes)


def read_records(
    out: str, stores: StoreSettings, pending: str | None, ranges: Ranges, names: Iterable[str]
) -> Iterator[tuple[SortKey, Row]]:
    """The records of the tables ``names`` below OUT that any partition takes, under what they are sorted by; with
    ``pending``, those whose key is in that table."""
    store = open_store(out, stores)
    keys = _pending_keys(out, stores, pending) if pending else None
    for name in names:
        for batch in pq.ParquetFile(io.BytesIO(store.read(name))).iter_batches(
            ROWS, columns=list(COLUMNS)
        ):
            if keys is not None:
                batch = batch.filter(pc.is_in(batch["key"], value_set=keys))
            for key, uri, seq, *rest in zip(
                *(batch[column].to_pylist() for column in COLUMNS), strict=True
            ):
                if ranges.holds(key):
                    yield (key, uri, seq), tuple(rest)


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
    """One attempt, as Spark numbers them, after ``failures`` in earlier Spark jobs. Its outcome is a report, or the
    error that ends the run; any other error is Spark's to retry."""
    _limit(options.memory)
    number = failures + _context().attemptNumber() + 1
    attempt = Attempt(
        number=number,
        careful=number > 1,
        expendable=True,
        worker=f"{socket.gethostname()} pid {os.getpid()}",
        errors=(f"Spark started attempt {number}",) if number > 1 else (),
    )
    outcome: TaskReport | MrimageError
    try:
        for plan in plans:
            _require_places(plan)
        outcome = work(attempt)
    except Exception as error:  # noqa: BLE001  # the rules for retries sort them
        if isinstance(error, StoreError):
            error.transient = True  # the driver could read and write there, so another machine may
        try:
            _, delay = after_failure(attempt, error, task, options.retries)
        except MrimageError as final:
            outcome = final
        else:
            time.sleep(delay)
            raise
    outcomes.add([outcome])


def _require_places(plan: Plan) -> None:
    """Raise StoreError on a machine that has not got the folders of the driver: every image would look vanished there,
    and what it makes would be written to a folder of its own that nobody reads."""
    source = path_if_local(plan.source)
    out = path_if_local(plan.out)
    missing = []
    if source is not None and not (
        Path(source).exists() or Path(source.partition("#")[0]).exists()
    ):
        missing.append(plan.source)
    if out is not None and not Path(out, JOB).exists():
        missing.append(plan.out)
    for place in missing:
        raise StoreError(
            f"Expected {place} on every machine, but it is not on {socket.gethostname()}. Mount it there at this path, "
            "or name it by its store: s3://..., hdfs://..."
        )


def _whole(partition: Partition, rows: Iterator[tuple[SortKey, Row]]) -> Iterator[Record]:
    """The rows as records. Raises StoreError when there are fewer or more than planned: a stream that breaks off
    looks like one that ends, and must not be committed."""
    received = 0
    for (key, uri, seq), rest in rows:
        received += 1
        yield to_record(key, uri, seq, rest)
    if received != partition.records:
        told = f"Expected {partition.records} records of partition {partition.id}, but received {received}."
        raise StoreError(told, transient=True)


@lru_cache(maxsize=1)
def _pending_keys(out: str, stores: StoreSettings, pending: str) -> Any:
    return pq.read_table(io.BytesIO(open_store(out, stores).read(pending)), columns=["key"])[
        "key"
    ].combine_chunks()


def _limit(room: int) -> None:
    """Bound this process's memory, once: it is used again by other tasks, and may be bounded by Spark already."""
    if not is_limited():
        limit_memory(room)


def _context() -> TaskContext:
    context = TaskContext.get()
    assert context  # we are in a task
    return context
