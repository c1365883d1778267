"""The Spark engine: the same two task functions, delivered by a cluster.

    run     splits, pickled and packed -> one RDD partition each -> function(split, attempt)
    reduce  records of OUT -> (key, uri, number) sorted into the planned ranges by Spark's own shuffle
                           -> reduce_partition

Images and tables go from the workers to the stores; records go through the shuffle; through the driver go the
packed splits and the task reports, nothing else. A report comes back as the task's accumulator update, which
Spark applies as each task finishes and exactly once, whichever of its attempts won.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import cloudpickle
from pyspark import InheritableThread

from mrimage.engine import Options, Task, TaskFunction
from mrimage.engine.spark.session import Session, explain, open_session
from mrimage.engine.spark.shipping import ship
from mrimage.engine.spark.worker import Outcomes, SortKey, read_records, reduce_sorted, run_packed
from mrimage.errors import MrimageError
from mrimage.job.job import Plan
from mrimage.types import Exchange, TaskReport

if TYPE_CHECKING:
    from pyspark import RDD, Accumulator

__all__ = ["SparkEngine", "open_spark"]

TICK = 0.05
"""Seconds between looks at what has finished."""

WAVE_BYTES = 64 << 20
"""Packed splits of one Spark job, about a million images; a longer stream is several jobs, so that the driver
holds one wave at a time."""

PARTS_PER_TASK = 64
"""Tables of records that one task of the shuffle's first stage reads, at most, while there are more than workers."""


def open_spark(master: str, options: Options) -> SparkEngine:
    """The engine on ``master``; "spark" takes the running session, or what spark-submit has set up, or this machine.

    Raises EngineError where pyspark or Java is missing, and where the master does not answer.
    """
    return SparkEngine(open_session(master, options), options)


class SparkEngine:
    """Delivers tasks and records by a Spark cluster."""

    name = "spark"

    def __init__(self, session: Session, options: Options) -> None:
        self._session, self._options = session, options
        self._context = session.context
        self._groups = (f"mrimage-{self._context.applicationId}-{number}" for number in count())
        self.workers = options.workers or self._context.defaultParallelism

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        payload = ship(function)
        for wave, kind in _waves(tasks, 4 * self.workers):
            title = f"mrimage: {_verb(function)} {len(wave)} {kind}s"
            yield from self._watch(title, partial(self._send, wave, payload))

    def reduce(self, plan: Plan, exchange: Exchange, scratch: Path) -> Iterator[TaskReport]:
        title = f"mrimage: reduce {len(exchange.partitions)} partitions"
        yield from self._watch(title, partial(self._exchange, ship(plan), exchange))

    def close(self) -> None:
        self._session.close()

    def _send(self, wave: list[bytes], payload: bytes, outcomes: Accumulator[Any]) -> None:
        tasks = self._context.parallelize(wave, len(wave))
        tasks.foreachPartition(partial(run_packed, payload, self._options, outcomes))

    def _exchange(self, payload: bytes, exchange: Exchange, outcomes: Accumulator[Any]) -> None:
        slices = min(
            len(exchange.parts), max(2 * self.workers, len(exchange.parts) // PARTS_PER_TASK)
        )
        names = self._context.parallelize(list(exchange.parts), slices)
        rows: RDD[tuple[SortKey, Any]] = names.mapPartitions(
            partial(read_records, payload, exchange.pending)
        )
        firsts = [partition.first for partition in exchange.partitions]
        ranges = rows.repartitionAndSortWithinPartitions(len(firsts), partial(find_range, firsts))
        ranges.foreachPartition(
            partial(reduce_sorted, payload, exchange.partitions, self._options, outcomes)
        )

    def _watch(
        self, title: str, action: Callable[[Accumulator[Any]], None]
    ) -> Iterator[TaskReport]:
        """Start ``action``, a Spark job, and answer the reports of its tasks as they come. However this ends, the
        job ends with it."""
        outcomes, group, ended = (
            self._context.accumulator([], Outcomes()),
            next(self._groups),
            Event(),
        )
        failed: list[Exception] = []

        def work() -> None:
            try:
                self._context.setJobGroup(group, title, interruptOnCancel=True)
                action(outcomes)
            except Exception as error:  # noqa: BLE001  # told to the thread that waits
                failed.append(error)
            finally:
                ended.set()

        thread = InheritableThread(target=work, daemon=True)
        thread.start()
        seen = 0
        try:
            while True:
                last = ended.wait(TICK)
                for outcome in outcomes.value[seen:]:
                    seen += 1
                    if isinstance(outcome, MrimageError):
                        raise outcome
                    yield outcome
                if last:
                    break
            if failed:
                raise explain(failed[0]) from failed[0]
        finally:
            self._session.cancel(group, thread)


def find_range(firsts: list[str], key: SortKey) -> int:
    """The partition of a record: the last one that begins at or before its key."""
    return max(0, bisect_right(firsts, key[0]) - 1)


def _waves(tasks: Iterable[Task], least: int) -> Iterator[tuple[list[bytes], str]]:
    """Packed tasks in lists of at least ``least`` and then up to WAVE_BYTES, with what they are called."""
    wave: list[bytes] = []
    size, kind = 0, "task"
    for task in tasks:
        packed = zlib.compress(cloudpickle.dumps(task), 1)
        wave.append(packed)
        size, kind = size + len(packed), type(task).__name__.lower()
        if size >= WAVE_BYTES and len(wave) >= least:
            yield wave, kind
            wave, size = [], 0
    if wave:
        yield wave, kind


def _verb(function: TaskFunction) -> str:
    """What a task function does, from its name: ``map_split`` maps."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", "run")).partition("_")[0]
