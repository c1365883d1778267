"""The Spark engine: the same task functions, run by a cluster.

    run      splits, pickled and packed -> one RDD partition each -> function(split, attempt)
    shuffle  records of OUT -> (key, uri, number) sorted into the planned ranges by Spark's shuffle
                            -> function(partition, records, attempt)

Images and tables go from the workers to the stores, and records go through the shuffle. Only packed
splits and task reports go through the driver. A report comes back as the task's accumulator update,
which Spark applies as each task finishes and exactly once, whichever of its attempts won.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
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
"""Bytes of packed splits in one Spark job, about a million images. A longer stream becomes several
jobs, so that the driver holds one wave at a time."""

TABLES_PER_TASK = 64
"""Tables of records that one task of the shuffle's first stage reads, at most."""


def open_spark(master: str, options: EngineOptions) -> SparkEngine:
    """Open the engine on ``master``.

    "spark" uses the running session, or what spark-submit has set up, or this machine. Raises
    EngineError if pyspark or Java is missing, or if the master does not answer.
    """
    return SparkEngine(open_session(master, options), options)


class SparkEngine:
    """Runs tasks and exchanges records on a Spark cluster."""

    name = "spark"

    def __init__(self, session: Session, options: EngineOptions) -> None:
        self._session = session
        self._options = options
        self._context = session.context
        self._groups = (f"mrimage-{self._context.applicationId}-{number}" for number in count())
        self.workers = options.workers or self._context.defaultParallelism

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        payload = ship(function)
        for wave in _waves(tasks, 4 * self.workers):
            title = f"mrimage: {_verb(function)} {len(wave.packed)} {wave.kind}s"
            send = partial(self._send, wave.packed, payload)
            yield from self._insist(title, wave.names, send)

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        title = f"mrimage: reduce {len(exchange.partitions)} partitions"
        names = [partition.id for partition in exchange.partitions]
        reduce = partial(self._exchange, ship(function), exchange)
        yield from self._insist(title, names, reduce)

    def close(self) -> None:
        self._session.close()

    def _send(
        self,
        packed: list[bytes],
        payload: bytes,
        failures: dict[int, int],
        outcomes: Accumulator[Any],
    ) -> None:
        """Run the packed tasks whose numbers are in ``failures``, each in an RDD partition."""
        pairs = [(packed[number], failed) for number, failed in failures.items()]
        tasks = self._context.parallelize(pairs, len(pairs))
        run = partial(run_packed, payload, self._options, outcomes)
        tasks.foreachPartition(run)

    def _exchange(
        self,
        payload: bytes,
        exchange: Exchange,
        failures: dict[int, int],
        outcomes: Accumulator[Any],
    ) -> None:
        """Shuffle the records to the partitions whose numbers are in ``failures``; reduce them."""
        partitions = tuple(exchange.partitions[number] for number in failures)
        tables = [table.name for table in replace(exchange, partitions=partitions).needed()]
        slices = min(len(tables), max(2 * self.workers, len(tables) // TABLES_PER_TASK))
        pending = exchange.pending.name if exchange.pending else None
        firsts = tuple(partition.first for partition in partitions)
        lasts = tuple(partition.last for partition in partitions)
        ranges = Ranges(firsts, lasts)
        by_value = exchange.by_value
        read = partial(read_records, exchange.out, exchange.stores, pending, by_value, ranges)
        names = self._context.parallelize(tables, slices)
        rows: RDD[tuple[SortKey, Any]] = names.mapPartitions(read)
        sorted_rows = rows.repartitionAndSortWithinPartitions(len(partitions), ranges)
        tries = tuple(failures.values())
        reduce = partial(reduce_sorted, payload, partitions, tries, self._options, outcomes)
        sorted_rows.foreachPartition(reduce)

    def _insist(
        self,
        title: str,
        names: list[str],
        action: Callable[[dict[int, int], Accumulator[Any]], None],
    ) -> Iterator[TaskReport]:
        """Run the tasks called ``names`` as one Spark job, and yield their reports.

        A session that the user started may give up on a task sooner than --retries allows:
        ``local[2]`` does so at once. Unfinished tasks then go into another job, which knows how
        often each task has failed.
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
                abandoned = abandoned_task(failure.cause)
                if abandoned is None or abandoned.number >= len(sent):
                    raise explain(failure.cause) from failure.cause
                task = sent[abandoned.number]
                failures[task] = failures.get(task, 0) + abandoned.times
                if failures[task] >= max_attempts(self._options):
                    raise explain(failure.cause) from failure.cause

    def _watch(
        self, title: str, action: Callable[[Accumulator[Any]], None]
    ) -> Iterator[TaskReport]:
        """Start ``action``, a Spark job, and yield the reports of its tasks as they arrive.

        However this ends, the job ends with it.
        """
        outcomes = self._context.accumulator([], Outcomes())
        group = next(self._groups)
        ended = Event()
        failed: list[Exception] = []

        def work() -> None:
            try:
                self._context.setJobGroup(group, title, interruptOnCancel=True)
                action(outcomes)
            except Exception as error:  # noqa: BLE001  # the waiting thread raises it
                failed.append(error)
            finally:
                ended.set()

        thread = InheritableThread(target=work, daemon=True)
        thread.start()
        seen = 0
        try:
            while True:
                # Looked at first: outcomes that arrive before the end are still read below.
                is_last = ended.wait(TICK)
                for outcome in outcomes.value[seen:]:
                    seen += 1
                    if isinstance(outcome, MrimageError):
                        raise outcome
                    yield outcome
                if is_last:
                    break
            if failed:
                raise SparkFailure(failed[0])
        finally:
            self._session.cancel(group, thread)


@dataclass
class _Wave:
    """Tasks of one Spark job: their names, themselves packed, and what Spark's page calls them."""

    names: list[str] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    kind: str = "task"
    size: int = 0

    def add(self, task: Task) -> None:
        packed = zlib.compress(cloudpickle.dumps(task), 1)
        self.names.append(task.id)
        self.packed.append(packed)
        self.kind = type(task).__name__.lower()
        self.size += len(packed)


def _waves(tasks: Iterable[Task], least: int) -> Iterator[_Wave]:
    """Cut the stream of tasks into waves of WAVE_BYTES, or of ``least`` tasks if these are more."""
    wave = _Wave()
    for task in tasks:
        wave.add(task)
        if wave.size >= WAVE_BYTES and len(wave.packed) >= least:
            yield wave
            wave = _Wave()
    if wave.packed:
        yield wave


def _verb(function: TaskFunction) -> str:
    """The verb in a task function's name: "map" of ``map_split``."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", "run")).partition("_")[0]
