"""Which task runs next: retries, careful attempts and races against stragglers, for every engine that leaves these to us.

A ``AttemptRunner`` runs single attempts and says how they ended; everything else is decided here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mrimage.engine.attempts import after_death, after_failure
from mrimage.engine.engine import EngineOptions, Task
from mrimage.types import Attempt, TaskReport

STRAGGLER = 3.0
"""A task is a straggler when it has run this many times its siblings' median, and longer than a second."""

TICK = 0.1
"""Seconds between looks at the clock while attempts are under way."""


@dataclass(eq=False)
class RunningAttempt:
    """An attempt that is under way, since ``started`` on the monotonic clock. Two are never equal."""

    task: Task
    attempt: Attempt
    started: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Done:
    """The attempt returned its report."""

    report: TaskReport


@dataclass(frozen=True)
class Failed:
    """The attempt raised ``error``."""

    error: Exception


@dataclass(frozen=True)
class Died:
    """The attempt took its process down; ``how`` completes the sentence "its process ..."."""

    how: str


Outcome = Done | Failed | Died


class AttemptRunner(Protocol):
    """Runs at most ``workers`` attempts at once."""

    @property
    def workers(self) -> int: ...

    def start(self, task: Task, attempt: Attempt) -> RunningAttempt:
        """Start an attempt; called only while fewer than ``workers`` are running."""
        ...

    def ended(
        self, running: Sequence[RunningAttempt], seconds: float
    ) -> list[tuple[RunningAttempt, Outcome]]:
        """Those of ``running`` that have ended; waits up to ``seconds`` for the first one."""
        ...

    def stop(self, running: RunningAttempt) -> None:
        """End an attempt whose outcome is no longer wanted."""
        ...


@dataclass(frozen=True)
class _Retry:
    task: Task
    attempt: Attempt
    ready: float


class Schedule:
    """The scheduling of one stream of tasks over a crew."""

    def __init__(self, crew: AttemptRunner, options: EngineOptions) -> None:
        self._crew, self._options = crew, options
        self._running: list[RunningAttempt] = []
        self._retries: list[_Retry] = []
        self._seconds: list[float] = []
        self._raced: set[tuple[str, int]] = set()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        """Each task's report, in the order in which they finish. However this ends, nothing is left running."""
        stream = iter(tasks)
        try:
            while self._fill(stream):
                for running, outcome in self._wait():
                    if running not in self._running:
                        continue  # its rival, which has ended in the same moment, was first
                    report = self._settle(running, outcome)
                    if report is not None:
                        yield report
        finally:
            for running in self._running:
                self._crew.stop(running)
            self._running.clear()

    def _fill(self, stream: Iterator[Task]) -> bool:
        """Give work to every free worker; return whether there is anything to wait for."""
        while len(self._running) < self._crew.workers:
            following = self._retry() or _first_attempt(stream) or self._rival()
            if following is None:
                break
            task, attempt = following
            self._running.append(self._crew.start(task, attempt))
        return bool(self._running or self._retries)

    def _wait(self) -> list[tuple[RunningAttempt, Outcome]]:
        if self._running:
            return self._crew.ended(self._running, TICK)
        time.sleep(TICK)  # a retry waits for its time
        return []

    def _retry(self) -> tuple[Task, Attempt] | None:
        """The first retry whose time has come."""
        now = time.monotonic()
        retry = next((retry for retry in self._retries if retry.ready <= now), None)
        if retry is None:
            return None
        self._retries.remove(retry)
        return retry.task, retry.attempt

    def _rival(self) -> tuple[Task, Attempt] | None:
        """A second attempt at the worst straggler that has no rival yet.

        Each attempt is raced once: where an image kills one process after the other, there must come a moment in which
        none is at it, so that the next attempt is a careful one.
        """
        if not (self._options.speculate and self._seconds):
            return None
        now = time.monotonic()
        limit = max(1.0, STRAGGLER * statistics.median(self._seconds))
        slow = [
            each
            for each in self._running
            if now - each.started > limit and _name(each) not in self._raced
        ]
        if not slow:
            return None
        straggler = min(slow, key=lambda each: each.started)
        self._raced.add(_name(straggler))
        return straggler.task, replace(straggler.attempt, speculative=True)

    def _settle(self, ended: RunningAttempt, outcome: Outcome) -> TaskReport | None:
        """What follows from an outcome: the task's report, or another attempt."""
        self._running.remove(ended)
        rivals = [running for running in self._running if running.task.id == ended.task.id]
        if isinstance(outcome, Done):
            self._seconds.append(time.monotonic() - ended.started)
            for rival in rivals:
                self._running.remove(rival)
                self._crew.stop(rival)
            return outcome.report
        if not rivals:
            self._retries.append(self._following(ended, outcome))
        return None

    def _following(self, ended: RunningAttempt, outcome: Failed | Died) -> _Retry:
        """The next attempt. Raises the error that ends the run where there is to be none."""
        task, retries = ended.task, self._options.retries
        if isinstance(outcome, Died):
            return _Retry(task, after_death(ended.attempt, outcome.how, task.id, retries), 0.0)
        attempt, delay = after_failure(ended.attempt, outcome.error, task.id, retries)
        return _Retry(task, attempt, time.monotonic() + delay)


def _first_attempt(stream: Iterator[Task]) -> tuple[Task, Attempt] | None:
    task = next(stream, None)
    return None if task is None else (task, Attempt(expendable=True))


def _name(running: RunningAttempt) -> tuple[str, int]:
    return running.task.id, running.attempt.number
