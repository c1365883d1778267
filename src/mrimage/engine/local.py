"""The embedded engine: worker processes on this machine, supervised one by one.

A worker that dies takes nothing with it: its task is tried again, carefully, in a new worker. Idle workers race
stragglers. ``workers=1``, when asked for, stays in this process, for debugging: there an image that crashes its
decoder ends the run.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection, wait
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import cloudpickle

from mrimage.commit.ledger import localize
from mrimage.engine import Engine, Options, Task, TaskFunction
from mrimage.engine.attempts import after_death, after_failure
from mrimage.guard.child import describe_exit, end_child, start_child
from mrimage.job.job import Plan
from mrimage.shuffle.planning import sorted_records
from mrimage.storage import open_store
from mrimage.tasks.reduce_partition import reduce_partition
from mrimage.types import Attempt, Exchange, Partition, TaskReport

STRAGGLER = 3.0
"""A task is a straggler when it has run this many times its siblings' median, and longer than a second."""

TICK = 0.1
"""Seconds between looks at the clock while workers are busy."""


def open_local(options: Options) -> Engine:
    """The embedded engine with as many workers as ``options`` says, by default one for each usable core."""
    if options.workers == 1:
        return Inline(options)
    return Pool(replace(options, workers=options.workers or usable_cores()))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reduce_function(plan: Plan, exchange: Exchange, scratch: Path) -> TaskFunction:
    """Reduce tasks that find the exchange's tables as files on this machine."""
    store = open_store(plan.out)
    parts = localize(store, exchange.parts, scratch)
    pending = localize(store, [exchange.pending], scratch)[0] if exchange.pending else None

    return partial(_reduce_here, plan, parts, pending, scratch)


def _reduce_here(
    plan: Plan,
    parts: list[str],
    pending: str | None,
    scratch: Path,
    task: Partition,
    attempt: Attempt,
) -> TaskReport:
    """One reduce task: sort its share of the records out of core, and reduce it."""
    return reduce_partition(plan, task, sorted_records(parts, task, pending, scratch), attempt)


class Inline:
    """Runs every task in this process, one after the other."""

    name, workers = "local", 1

    def __init__(self, options: Options) -> None:
        self._retries = options.retries

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        for task in tasks:
            attempt = Attempt()
            while True:
                try:
                    report = function(task, attempt)
                except Exception as error:  # noqa: BLE001  # the rules for retries sort them
                    attempt, delay = after_failure(attempt, error, task.id, self._retries)
                    time.sleep(delay)
                else:
                    yield report
                    break

    def reduce(self, plan: Plan, exchange: Exchange, scratch: Path) -> Iterator[TaskReport]:
        return self.run(_reduce_function(plan, exchange, scratch), exchange.partitions)

    def close(self) -> None:
        """Nothing was started."""


@dataclass
class Worker:
    """A worker process and what it is doing."""

    process: Popen[bytes]
    connection: Connection
    task: Task | None = None
    attempt: Attempt = field(default_factory=Attempt)
    started: float = 0.0

    @property
    def name(self) -> str:
        return f"pid {self.process.pid}"


class Pool:
    """Worker processes, each with one task at a time."""

    name = "local"

    def __init__(self, options: Options) -> None:
        assert options.workers
        self.workers = options.workers
        self._options = options
        self._message = b""
        self._pool: list[Worker] = []
        if options.warm:
            self._fill()

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        tasks = iter(tasks)
        first = next(tasks, None)
        if first is None:
            return iter(())
        self._message = cloudpickle.dumps((function, self._options.memory))
        self._fill()
        for worker in self._pool:
            self._load(worker)
        return _Phase(self, self._options).run(chain([first], tasks))

    def reduce(self, plan: Plan, exchange: Exchange, scratch: Path) -> Iterator[TaskReport]:
        return self.run(_reduce_function(plan, exchange, scratch), exchange.partitions)

    def close(self) -> None:
        pool, self._pool = self._pool, []
        for worker in pool:
            worker.connection.close()
        for worker in pool:
            end_child(worker.process)

    def replace(self, worker: Worker, patience: float = 0.0) -> str:
        """Put a fresh worker in the place of ``worker``, which is given ``patience`` seconds to end by itself;
        say how it ended."""
        code = _end(worker, patience)
        fresh = self._start()
        self._load(fresh)
        self._pool[self._pool.index(worker)] = fresh
        return describe_exit(code)

    def idle(self) -> list[Worker]:
        return [worker for worker in self._pool if worker.task is None]

    def busy(self) -> list[Worker]:
        return [worker for worker in self._pool if worker.task is not None]

    def _fill(self) -> None:
        while len(self._pool) < self.workers:
            self._pool.append(self._start())

    def _start(self) -> Worker:
        return Worker(*start_child("mrimage.engine.worker"))

    def _load(self, worker: Worker) -> None:
        with suppress(OSError):  # it died while idle; the first task sent to it finds out
            worker.connection.send(("load", self._message))


def _end(worker: Worker, patience: float) -> int:
    worker.connection.close()
    with suppress(TimeoutExpired):
        worker.process.wait(timeout=patience)
    return end_child(worker.process)


@dataclass
class _Retry:
    task: Task
    attempt: Attempt
    ready: float


class _Phase:
    """The scheduling of one stream of tasks over the pool."""

    def __init__(self, pool: Pool, options: Options) -> None:
        self._pool, self._options = pool, options
        self._retries: deque[_Retry] = deque()
        self._done: set[str] = set()
        self._seconds: list[float] = []
        self._raced: set[tuple[str, int]] = set()

    def run(self, tasks: Iterator[Task]) -> Iterator[TaskReport]:
        exhausted = False
        while True:
            for worker in self._pool.idle():
                retry = self._due()
                if retry:
                    self._assign(worker, retry.task, retry.attempt)
                elif (task := next(tasks, None)) is not None:
                    self._assign(worker, task, Attempt(expendable=True))
                else:
                    exhausted = True
                    self._race(worker)
            busy = self._pool.busy()
            if not busy and exhausted and not self._retries:
                return
            if not busy:
                time.sleep(TICK)
                continue
            for connection in wait([worker.connection for worker in busy], timeout=TICK):
                worker = next(worker for worker in busy if worker.connection is connection)
                # A rival that was heard a moment ago may have ended this one.
                report = self._hear(worker) if worker in self._pool.busy() else None
                if report:
                    yield report

    def _due(self) -> _Retry | None:
        if self._retries and self._retries[0].ready <= time.monotonic():
            return self._retries.popleft()
        return None

    def _assign(self, worker: Worker, task: Task, attempt: Attempt) -> None:
        worker.task, worker.attempt, worker.started = (
            task,
            replace(attempt, worker=worker.name),
            time.monotonic(),
        )
        try:
            worker.connection.send(("run", task, worker.attempt))
        except OSError:
            self._bury(worker)

    def _race(self, worker: Worker) -> None:
        """Give an idle worker a second attempt at the worst straggler that nobody races yet.

        Each attempt is raced once: where an image kills one process after the other, there must come a moment in which
        none is at it, so that the next attempt is a careful one.
        """
        if not (self._options.speculate and self._seconds):
            return
        now = time.monotonic()
        limit = max(1.0, STRAGGLER * statistics.median(self._seconds))
        slow = [
            other
            for other in self._pool.busy()
            if now - other.started > limit and _try(other) not in self._raced
        ]
        if slow:
            straggler = min(slow, key=lambda other: other.started)
            assert straggler.task
            self._raced.add(_try(straggler))
            self._assign(worker, straggler.task, replace(straggler.attempt, speculative=True))

    def _hear(self, worker: Worker) -> TaskReport | None:
        try:
            outcome, content = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return None
        task, worker.task = worker.task, None
        assert task
        if task.id in self._done:
            return None
        if outcome == "failed":
            self._fail(task, worker.attempt, content)
            return None
        self._done.add(task.id)
        self._seconds.append(time.monotonic() - worker.started)
        for loser in [other for other in self._pool.busy() if _id(other) == task.id]:
            self._pool.replace(loser)
        report: TaskReport = content
        return report

    def _fail(self, task: Task, attempt: Attempt, error: Exception) -> None:
        if any(_id(other) == task.id for other in self._pool.busy()):
            return  # its rival is still at it
        following, delay = after_failure(attempt, error, task.id, self._options.retries)
        self._retries.append(_Retry(task, following, time.monotonic() + delay))

    def _bury(self, worker: Worker) -> None:
        task = worker.task
        assert task
        how = self._pool.replace(worker, patience=2.0)
        if task.id in self._done or any(_id(other) == task.id for other in self._pool.busy()):
            return
        following = after_death(worker.attempt, how, task.id, self._options.retries)
        self._retries.append(_Retry(task, following, 0.0))


def _try(worker: Worker) -> tuple[str, int]:
    return _id(worker), worker.attempt.number


def _id(worker: Worker) -> str:
    return worker.task.id if worker.task else ""
