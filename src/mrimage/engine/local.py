"""The local engine: worker processes on this machine.

When a worker dies, its task is tried again, carefully, in a new worker. ``workers=1``, if the user
asks for it, stays in this process, for debugging: an image that crashes its decoder ends the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from mrimage.commit.ledger import localize
from mrimage.engine.attempts import after_failure
from mrimage.engine.engine import Engine, EngineOptions, Task, TaskFunction
from mrimage.engine.schedule import Died, Done, Failed, Outcome, RunningAttempt, Schedule
from mrimage.errors import EngineError
from mrimage.guard.child import describe_exit, end_child, start_child
from mrimage.job.pickling import dumps
from mrimage.shuffle.exchange import Exchange, GroupFunction, reduce_share
from mrimage.storage import open_store
from mrimage.types import Attempt, TaskReport

PATIENCE = 2.0
"""Seconds that a worker whose connection closed has to exit by itself, which gives its status."""


def open_local(options: EngineOptions) -> Engine:
    """Open the local engine with ``options.workers`` workers, by default one per usable core."""
    if options.workers == 1:
        return Inline(options)
    return Pool(replace(options, workers=options.workers or usable_cores()))


def usable_cores() -> int:
    """The number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _local_reduce(function: GroupFunction, exchange: Exchange, scratch: Path) -> TaskFunction:
    """The task function of a reduce on this machine.

    If OUT is remote, all tasks share one local copy of the tables.
    """
    store = open_store(exchange.out, exchange.stores)
    if not store.local:
        tables = list(exchange.tables)
        if exchange.pending:
            tables.append(exchange.pending)
        names = [table.name for table in tables]
        copies = localize(store, names, scratch)
        folder = copies[0].removesuffix(f"/{names[0]}")
        exchange = replace(exchange, out=folder)
    return partial(reduce_share, function, exchange, scratch)


class Inline:
    """Runs every task in this process, one after another."""

    name = "local"
    workers = 1

    def __init__(self, options: EngineOptions) -> None:
        self._retries = options.retries

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        for task in tasks:
            yield self._run_task(function, task)

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        reduce = _local_reduce(function, exchange, scratch)
        return self.run(reduce, exchange.partitions)

    def close(self) -> None:
        """Do nothing: nothing was started."""

    def _run_task(self, function: TaskFunction, task: Task) -> TaskReport:
        attempt = Attempt()
        while True:
            try:
                return function(task, attempt)
            except Exception as error:  # noqa: BLE001  # after_failure sorts them
                attempt, delay = after_failure(attempt, error, task.id, self._retries)
                time.sleep(delay)


@dataclass(eq=False)
class WorkerProcess:
    """A worker process and its current attempt.

    ``is_loaded`` says whether it has ever loaded a job: one that has not could not even start.
    """

    process: Popen[bytes]
    connection: Connection
    running: RunningAttempt | None = None
    is_loaded: bool = False

    @property
    def name(self) -> str:
        return f"pid {self.process.pid}"


class Pool:
    """Worker processes, each of which runs one task at a time."""

    name = "local"

    def __init__(self, options: EngineOptions) -> None:
        assert options.workers
        self.workers = options.workers
        self._options = options
        self._function = b""
        self._pool: list[WorkerProcess] = []
        if options.warm:
            self._start_workers()

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        self._function = dumps(function)
        for worker in self._pool:
            self._load(worker)
        return Schedule(self, self._options).run(self._after_start(tasks))

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        reduce = _local_reduce(function, exchange, scratch)
        return self.run(reduce, exchange.partitions)

    def close(self) -> None:
        pool = self._pool
        self._pool = []
        # All hang up first, so that they end at the same time.
        for worker in pool:
            worker.connection.close()
        for worker in pool:
            end_child(worker.process)

    def start(self, task: Task, attempt: Attempt) -> RunningAttempt:
        worker = self._idle_worker() or self._add()
        worker.running = RunningAttempt(task, replace(attempt, worker=worker.name))
        with suppress(OSError):  # it died while it was idle; ``ended`` notices
            worker.connection.send(("run", task, worker.running.attempt))
        return worker.running

    def ended(
        self, running: Sequence[RunningAttempt], seconds: float
    ) -> list[tuple[RunningAttempt, Outcome]]:
        busy = {worker.connection: worker for worker in self._pool if worker.running in running}
        found: list[tuple[RunningAttempt, Outcome]] = []
        for connection in wait(list(busy), timeout=seconds):
            worker = busy[connection]  # type: ignore[index]  # ``wait`` returns what it was given
            current = worker.running
            outcome = self._receive(worker)
            if current and outcome:
                found.append((current, outcome))
        return found

    def stop(self, running: RunningAttempt) -> None:
        for worker in [worker for worker in self._pool if worker.running is running]:
            self._remove(worker, patience=0.0)

    def _idle_worker(self) -> WorkerProcess | None:
        for worker in self._pool:
            if worker.running is None:
                return worker
        return None

    def _after_start(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield ``tasks``, but start all workers at once before the first one."""
        for number, task in enumerate(tasks):
            if number == 0:
                self._start_workers()
            yield task

    def _start_workers(self) -> None:
        while len(self._pool) < self.workers:
            self._add()

    def _add(self) -> WorkerProcess:
        worker = WorkerProcess(*start_child("mrimage.engine.worker"))
        with suppress(OSError):  # it died at once; ``ended`` notices
            worker.connection.send(("preload", self._options.preload))
        if self._function:
            self._load(worker)
        self._pool.append(worker)
        return worker

    def _load(self, worker: WorkerProcess) -> None:
        with suppress(OSError):  # it died while it was idle; ``ended`` notices
            worker.connection.send(("load", self._function, self._options.memory))

    def _receive(self, worker: WorkerProcess) -> Outcome | None:
        """Receive a message: the outcome of the worker's task, or None if it is still running."""
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            return self._outcome_of_dead(worker)
        if kind == "loaded":
            worker.is_loaded = True
            return None
        worker.running = None
        return Done(content) if kind == "done" else Failed(content)

    def _outcome_of_dead(self, worker: WorkerProcess) -> Outcome:
        code = self._remove(worker, PATIENCE)
        # A positive code is an exit of Python's own, such as a failed import: a retry would fail too.
        if code > 0 and not worker.is_loaded:
            return Failed(
                EngineError(
                    f"A worker could not start: it {describe_exit(code)}. What it printed is above."
                )
            )
        return Died(describe_exit(code))

    def _remove(self, worker: WorkerProcess, patience: float) -> int:
        """End ``worker``, after ``patience`` seconds to end by itself; return its exit status."""
        self._pool.remove(worker)
        worker.connection.close()
        with suppress(TimeoutExpired):
            worker.process.wait(timeout=patience)
        return end_child(worker.process)
