"""Which task runs next: retries, careful attempts and races against stragglers.

Engines without a scheduler of their own share these rules. An ``AttemptRunner`` runs single
attempts and reports how they ended; everything else is decided here.
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
"""A task is a straggler once it has run this many times the median of finished tasks."""

LEAST_STRAGGLER = 1.0
"""Seconds that a straggler has run at least: racing shorter tasks costs more than it saves."""

TICK = 0.1
"""Seconds between looks at the clock while attempts are running."""


@dataclass(eq=False)
class RunningAttempt:
    """An attempt that is running, since ``started`` on the monotonic clock.

    Two are never equal, not even two attempts at one task.
    """

    task: Task
    attempt: Attempt
    started: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> tuple[str, int]:
        """The task and the number of the attempt; rivals have the same name."""
        return self.task.id, self.attempt.number


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
    """The attempt's process died; ``how`` completes the sentence "its process ..."."""

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
        """Return those of ``running`` that have ended; wait up to ``seconds`` for the first one."""
        ...

    def stop(self, running: RunningAttempt) -> None:
        """End an attempt whose outcome is no longer needed."""
        ...


@dataclass(frozen=True)
class _Retry:
    """An attempt that waits until ``ready`` on the monotonic clock."""

    task: Task
    attempt: Attempt
    ready: float


class Schedule:
    """Schedules one stream of tasks over the workers of ``runner``."""

    def __init__(self, runner: AttemptRunner, options: EngineOptions) -> None:
        self._runner = runner
        self._options = options
        self._running: list[RunningAttempt] = []
        self._retries: list[_Retry] = []
        self._durations: list[float] = []
        self._raced: set[tuple[str, int]] = set()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        """Yield each task's report, in the order in which they finish.

        However this ends, no attempt keeps running.
        """
        stream = iter(tasks)
        try:
            while self._fill(stream):
                for running, outcome in self._wait():
                    if running not in self._running:
                        continue  # its rival ended at the same moment and came first
                    report = self._settle(running, outcome)
                    if report is not None:
                        yield report
        finally:
            for running in self._running:
                self._runner.stop(running)
            self._running.clear()

    def _fill(self, stream: Iterator[Task]) -> bool:
        """Give work to every free worker; return whether anything is running or waiting."""
        while len(self._running) < self._runner.workers:
            following = self._due_retry() or _first_attempt(stream) or self._rival()
            if following is None:
                break
            task, attempt = following
            self._running.append(self._runner.start(task, attempt))
        return bool(self._running or self._retries)

    def _wait(self) -> list[tuple[RunningAttempt, Outcome]]:
        if self._running:
            return self._runner.ended(self._running, TICK)
        time.sleep(TICK)  # only retries are left, and none is due
        return []

    def _due_retry(self) -> tuple[Task, Attempt] | None:
        """The first retry that is due."""
        now = time.monotonic()
        retry = next((retry for retry in self._retries if retry.ready <= now), None)
        if retry is None:
            return None
        self._retries.remove(retry)
        return retry.task, retry.attempt

    def _rival(self) -> tuple[Task, Attempt] | None:
        """A second attempt at the worst straggler that has no rival yet.

        Each attempt is raced only once. If an image kills one process after another, all attempts
        at its task must have ended at some moment, so that the next one is careful.
        """
        if not self._options.speculate or not self._durations:
            return None
        now = time.monotonic()
        limit = max(LEAST_STRAGGLER, STRAGGLER * statistics.median(self._durations))
        unraced = [running for running in self._running if running.name not in self._raced]
        slow = [running for running in unraced if now - running.started > limit]
        if not slow:
            return None
        straggler = min(slow, key=lambda running: running.started)
        self._raced.add(straggler.name)
        return straggler.task, replace(straggler.attempt, speculative=True)

    def _settle(self, ended: RunningAttempt, outcome: Outcome) -> TaskReport | None:
        """Return the report of a task that is done; otherwise schedule its next attempt."""
        self._running.remove(ended)
        rivals = [running for running in self._running if running.task.id == ended.task.id]
        if isinstance(outcome, Done):
            self._durations.append(time.monotonic() - ended.started)
            for rival in rivals:
                self._running.remove(rival)
                self._runner.stop(rival)
            return outcome.report
        if not rivals:
            self._retries.append(self._next_attempt(ended, outcome))
        return None

    def _next_attempt(self, ended: RunningAttempt, outcome: Failed | Died) -> _Retry:
        """The retry after a failure. Raises the error that ends the run if no retry is left."""
        task = ended.task
        retries = self._options.retries
        if isinstance(outcome, Died):
            attempt = after_death(ended.attempt, outcome.how, task.id, retries)
            return _Retry(task, attempt, ready=0.0)
        attempt, delay = after_failure(ended.attempt, outcome.error, task.id, retries)
        return _Retry(task, attempt, ready=time.monotonic() + delay)


def _first_attempt(stream: Iterator[Task]) -> tuple[Task, Attempt] | None:
    task = next(stream, None)
    if task is None:
        return None
    return task, Attempt(expendable=True)
