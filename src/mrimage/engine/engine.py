"""What a run asks of an engine: the seam behind which every engine stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mrimage.shuffle.exchange import Exchange, GroupFunction
from mrimage.types import Attempt, TaskReport


class Task(Protocol):
    """A Split or a Partition: anything with a name."""

    @property
    def id(self) -> str: ...


TaskFunction = Callable[[Any, Attempt], TaskReport]
"""``(task, attempt) -> report``; it can be pickled by cloudpickle, and running it twice does no harm."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine runs: ``workers`` processes at once (None: one per core), ``retries`` after a task's first
    attempt, ``speculate`` on stragglers, ``memory`` in bytes by which a worker's memory may grow, ``quiet``
    to print nothing on standard error. With ``warm``, workers start before there is a task, and import the modules
    ``preload``, so that the first task does not wait for them."""

    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    memory: int = 4 << 30
    quiet: bool = True
    warm: bool = True
    preload: tuple[str, ...] = ()


class Engine(Protocol):
    """Runs tasks somewhere. Reports come in the order in which tasks finish, each task's exactly once.

    A caller that stops reading reports, or closes their iterator, ends the tasks that are under way.
    """

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        ...

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        """Run independent tasks; ``tasks`` is a stream, pulled as workers become free.

        Raises EngineError for a task that fails after all retries, JobError for a job at fault.
        """
        ...

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        """Bring each record of ``exchange`` to its partition, and run ``function`` on every partition.

        ``scratch`` is a folder on this machine for what need not be kept. Raises the errors of ``run``.
        """
        ...

    def close(self) -> None:
        """End every process and connection that the engine started."""
        ...
