"""The Spark engine: the same task functions, delivered by a cluster.

    run      splits, pickled and packed -> one RDD partition each -> function(split, attempt)
    shuffle  records of OUT -> (key, uri, number) sorted into the planned ranges by Spark's own shuffle
                            -> function(partition, records, attempt)

Images and tables go from the workers to the stores; records go through the shuffle; through the driver go the
packed splits and the task reports, nothing else. A report comes back as the task's accumulator update, which
Spark applies as each task finishes and exactly once, whichever of its attempts won.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import cloudpickle
from pyspark import InheritableThread

from mrimage.engine.engine import EngineOptions, Task, TaskFunction
from mrimage.engine.shipping import ship
from mrimage.engine.spark.session import (
    Session,
    SparkFailure,
    abandoned_task,
    explain,
    max_attempts,
    open_session,
)
from mrimage.engine.spark.worker import (
    Outcomes,
    Ranges,
    SortKey,
    read_records,
    reduce_sorted,
    run_packed,
)
from mrimage.errors import MrimageError
from mrimage.shuffle.exchange import Exchange, GroupFunction
from mrimage.types import TaskReport

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


def open_spark(master: str, options: EngineOptions) -> SparkEngine:
    """The engine on ``master``; "spark" takes the running session, or what spark-submit has set up, or this machine.

    Raises EngineError where pyspark or Java is missing, and where the master does not answer.
    """
    return SparkEngine(open_session(master, options), options)


class SparkEngine:
    """Delivers tasks and records by a Spark cluster."""

    name = "spark"

    def __init__(self, session: Session, options: EngineOptions) -> None:
        self._session, self._options = session, options
        self._context = session.context
        self._groups = (f"mrimage-{self._context.applicationId}-{number}" for number in count())
        self.workers = options.workers or self._context.defaultParallelism

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        payload = ship(function)
        for names, wave, kind in _waves(tasks, 4 * self.workers):
            title = f"mrimage: {_verb(function)} {len(wave)} {kind}s"
            yield from self._insist(title, names, partial(self._send, wave, payload))

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        title = f"mrimage: reduce {len(exchange.partitions)} partitions"
        names = [partition.id for partition in exchange.partitions]
        yield from self._insist(title, names, partial(self._exchange, ship(function), exchange))

    def close(self) -> None:
        self._session.close()

    def _send(
        self,
        wave: list[bytes],
        payload: bytes,
        failures: dict[int, int],
        outcomes: Accumulator[Any],
    ) -> None:
        tasks = self._context.parallelize(
            [(wave[at], failed) for at, failed in failures.items()], len(failures)
        )
        tasks.foreachPartition(partial(run_packed, payload, self._options, outcomes))

    def _exchange(
        self,
        payload: bytes,
        exchange: Exchange,
        failures: dict[int, int],
        outcomes: Accumulator[Any],
    ) -> None:
        partitions = tuple(exchange.partitions[at] for at in failures)
        parts = [part.name for part in replace(exchange, partitions=partitions).needed()]
        slices = min(len(parts), max(2 * self.workers, len(parts) // PARTS_PER_TASK))
        pending = exchange.pending.name if exchange.pending else None
        ranges = Ranges(
            tuple(each.first for each in partitions), tuple(each.last for each in partitions)
        )
        read = partial(read_records, exchange.out, exchange.stores, pending, ranges)
        rows: RDD[tuple[SortKey, Any]] = self._context.parallelize(parts, slices).mapPartitions(
            read
        )
        sorted_rows = rows.repartitionAndSortWithinPartitions(len(partitions), ranges)
        tries = tuple(failures.values())
        sorted_rows.foreachPartition(
            partial(reduce_sorted, payload, partitions, tries, self._options, outcomes)
        )

    def _insist(
        self,
        title: str,
        names: list[str],
        action: Callable[[dict[int, int], Accumulator[Any]], None],
    ) -> Iterator[TaskReport]:
        """Run the tasks called ``names`` as one Spark job, and answer their reports.

        A session of the user's may give up on a task sooner than --retries says: ``local[2]`` does so at once. What is
        not done by then goes into another job, which knows how often each task has failed.
        """
        numbers = {name: number for number, name in enumerate(names)}
        failures = dict.fromkeys(numbers.values(), 0)
        while failures:
            sent = list(failures)
            try:
                for report in self._watch(title, partial(action, dict(failures))):
                    failures.pop(numbers[report.task])
                    yield report
                return
            except SparkFailure as failure:
                lost = abandoned_task(failure.cause)
                if lost is None or lost.number >= len(sent):
                    raise explain(failure.cause) from failure.cause
                task = sent[lost.number]
                failures[task] = failures.get(task, 0) + lost.times
                if failures[task] >= max_attempts(self._options):
                    raise explain(failure.cause) from failure.cause

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
                raise SparkFailure(failed[0])
        finally:
            self._session.cancel(group, thread)


def _waves(tasks: Iterable[Task], least: int) -> Iterator[tuple[list[str], list[bytes], str]]:
    """The names of tasks, the same tasks packed, and what they are called: in lists of at least ``least`` and then up to
    WAVE_BYTES."""
    names: list[str] = []
    wave: list[bytes] = []
    size, kind = 0, "task"
    for task in tasks:
        packed = zlib.compress(cloudpickle.dumps(task), 1)
        names.append(task.id)
        wave.append(packed)
        size += len(packed)
        kind = type(task).__name__.lower()
        if size >= WAVE_BYTES and len(wave) >= least:
            yield names, wave, kind
            names, wave, size = [], [], 0
    if wave:
        yield names, wave, kind


def _verb(function: TaskFunction) -> str:
    """What a task function does, from its name: ``map_split`` maps."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", "run")).partition("_")[0]
