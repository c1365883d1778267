"""What a run needs from an engine: the protocol that every engine implements."""

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
"""``(task, attempt) -> report``. cloudpickle can pickle it, and running it twice does no harm."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine runs.

    ``workers`` is the number of processes that run at once, None for one per core. ``retries``
    counts attempts at a task after the first one. ``speculate`` starts a second attempt at
    stragglers. ``memory`` is how many bytes a worker's memory may grow by. ``quiet`` prints nothing
    on standard error. With ``warm``, workers start before there is a task and import the modules
    ``preload``, so that the first task does not wait for them.
    """

    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    memory: int = 4 << 30
    quiet: bool = True
    warm: bool = True
    preload: tuple[str, ...] = ()


class Engine(Protocol):
    """Runs tasks somewhere. Reports come in the order in which tasks finish, one for each task.

    A caller that stops reading reports, or closes their iterator, ends the running tasks.
    """

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int:
        """The number of tasks that run at once."""
        ...

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        """Run independent tasks; ``tasks`` is a stream, pulled as workers become free.

        Raises EngineError if a task fails after all retries, JobError if the job is at fault.
        """
        ...

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        """Bring the records of ``exchange`` to their partitions; run ``function`` on each of these.

        ``scratch`` is a folder on this machine for temporary files. Raises the errors of ``run``.
        """
        ...

    def close(self) -> None:
        """End every process and connection that the engine started."""
        ...
