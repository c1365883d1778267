"""The embedded engine: worker processes on this machine.

A worker that dies takes nothing with it: its task is tried again, carefully, in a new worker. ``workers=1``, when
asked for, stays in this process, for debugging: there an image that crashes its decoder ends the run.
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
from mrimage.job.portable import dumps
from mrimage.shuffle.exchange import Exchange, GroupFunction, reduce_share
from mrimage.storage import open_store
from mrimage.types import Attempt, TaskReport

PATIENCE = 2.0
"""Seconds in which a worker that hung up may end by itself, so that its exit status can be told."""


def open_local(options: EngineOptions) -> Engine:
    """The embedded engine with as many workers as ``options`` says, by default one for each usable core."""
    if options.workers == 1:
        return Inline(options)
    return Pool(replace(options, workers=options.workers or usable_cores()))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reduce_here(function: GroupFunction, exchange: Exchange, scratch: Path) -> TaskFunction:
    """Reduce tasks on this machine, which share one copy of the tables where OUT is elsewhere."""
    store = open_store(exchange.out, exchange.stores)
    if not store.local:
        tables = [*exchange.tables, *([exchange.pending] if exchange.pending else [])]
        names = [table.name for table in tables]
        copies = localize(store, names, scratch)
        exchange = replace(exchange, out=copies[0].removesuffix(f"/{names[0]}"))
    return partial(reduce_share, function, exchange, scratch)


class Inline:
    """Runs every task in this process, one after the other."""

    name, workers = "local", 1

    def __init__(self, options: EngineOptions) -> None:
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

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        return self.run(_reduce_here(function, exchange, scratch), exchange.partitions)

    def close(self) -> None:
        """Nothing was started."""


@dataclass(eq=False)
class WorkerProcess:
    """A worker process and what it is doing. ``is_loaded`` says whether it has ever got as far as loading a job."""

    process: Popen[bytes]
    connection: Connection
    running: RunningAttempt | None = None
    is_loaded: bool = False

    @property
    def name(self) -> str:
        return f"pid {self.process.pid}"


class Pool:
    """WorkerProcess processes, each with one task at a time."""

    name = "local"

    def __init__(self, options: EngineOptions) -> None:
        assert options.workers
        self.workers = options.workers
        self._options = options
        self._function = b""
        self._pool: list[WorkerProcess] = []
        if options.warm:
            self._fill()

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        self._function = dumps(function)
        for worker in self._pool:
            self._load(worker)
        return Schedule(self, self._options).run(self._filled(tasks))

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        return self.run(_reduce_here(function, exchange, scratch), exchange.partitions)

    def close(self) -> None:
        pool, self._pool = self._pool, []
        for worker in pool:
            worker.connection.close()
        for worker in pool:
            end_child(worker.process)

    def start(self, task: Task, attempt: Attempt) -> RunningAttempt:
        worker = (
            next((worker for worker in self._pool if worker.running is None), None) or self._add()
        )
        worker.running = RunningAttempt(task, replace(attempt, worker=worker.name))
        with suppress(OSError):  # it died while it was idle; ``ended`` finds out
            worker.connection.send(("run", task, worker.running.attempt))
        return worker.running

    def ended(
        self, running: Sequence[RunningAttempt], seconds: float
    ) -> list[tuple[RunningAttempt, Outcome]]:
        busy = {worker.connection: worker for worker in self._pool if worker.running in running}
        found: list[tuple[RunningAttempt, Outcome]] = []
        for connection in wait(list(busy), timeout=seconds):
            worker = busy[connection]  # type: ignore[index]  # these are the connections that were handed in
            now, outcome = worker.running, self._hear(worker)
            if now and outcome:
                found.append((now, outcome))
        return found

    def stop(self, running: RunningAttempt) -> None:
        for worker in [worker for worker in self._pool if worker.running is running]:
            self._remove(worker, patience=0.0)

    def _filled(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """``tasks``, with all workers starting at once when the first one is there."""
        for number, task in enumerate(tasks):
            if number == 0:
                self._fill()
            yield task

    def _fill(self) -> None:
        while len(self._pool) < self.workers:
            self._add()

    def _add(self) -> WorkerProcess:
        worker = WorkerProcess(*start_child("mrimage.engine.worker"))
        with suppress(OSError):
            worker.connection.send(("preload", self._options.preload))
        if self._function:
            self._load(worker)
        self._pool.append(worker)
        return worker

    def _load(self, worker: WorkerProcess) -> None:
        with suppress(OSError):  # it died while it was idle; ``ended`` finds out
            worker.connection.send(("load", self._function, self._options.memory))

    def _hear(self, worker: WorkerProcess) -> Outcome | None:
        """The outcome of a worker's task; None for a message on its way there."""
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            code = self._remove(worker, PATIENCE)
            if code > 0 and not worker.is_loaded:
                told = (
                    f"A worker could not start: it {describe_exit(code)}. Its own words are above."
                )
                return Failed(EngineError(told))
            return Died(describe_exit(code))
        if kind == "loaded":
            worker.is_loaded = True
            return None
        worker.running = None
        return Done(content) if kind == "done" else Failed(content)

    def _remove(self, worker: WorkerProcess, patience: float) -> int:
        """End ``worker``, which is given ``patience`` seconds to end by itself; return its exit status."""
        self._pool.remove(worker)
        worker.connection.close()
        with suppress(TimeoutExpired):
            worker.process.wait(timeout=patience)
        return end_child(worker.process)
