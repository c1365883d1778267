"""Engines by name. An engine delivers: it runs tasks somewhere, exchanges records, and retries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from mrimage.errors import EngineError, UsageError, unknown
from mrimage.job.job import Plan
from mrimage.types import Attempt, Exchange, TaskReport

__all__ = ["ENGINES", "Engine", "Options", "Task", "TaskFunction", "open_engine"]

ENGINES = ("local", "spark")
"""Names that ``--engine`` accepts; also a Spark master: spark://HOST:PORT, yarn, k8s://..., local[N]."""


_HOST = r"(\[[^\]]+\]|[^\s/,:]+):\d+"
_SPARK = re.compile(rf"spark|yarn|spark://{_HOST}(,{_HOST})*|k8s://\S+|local\[(\d+|\*)(,\s*\d+)?\]")
_MASTERS = "spark://HOST:PORT, k8s://URL or local[2]"


class Task(Protocol):
    """A Split or a Partition: anything with a name and a weight."""

    @property
    def id(self) -> str: ...


TaskFunction = Callable[[Any, Attempt], TaskReport]
"""``(task, attempt) -> report``; it can be pickled by cloudpickle, and running it twice does no harm."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine runs: ``workers`` processes at once (None: one per core), ``retries`` after a task's first
    attempt, ``speculate`` on stragglers, ``memory`` in bytes by which a worker's address space may grow, ``quiet``
    to say nothing on standard error, ``warm`` to start workers before there is a task, because there will be."""

    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    memory: int = 4 << 30
    quiet: bool = True
    warm: bool = True


class Engine(Protocol):
    """What a run asks of an engine. Reports come in the order in which tasks finish, each task's exactly once."""

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        ...

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        """Run independent tasks; ``tasks`` is a stream and is pulled as workers become free.

        Raises EngineError for a task that fails after all retries, JobError for a job at fault.
        """
        ...

    def reduce(self, plan: Plan, exchange: Exchange, scratch: Path) -> Iterator[TaskReport]:
        """Exchange the records and run ``reduce_partition`` on every partition of ``exchange``.

        ``scratch`` is a local folder for what need not be kept.
        """
        ...

    def close(self) -> None:
        """End every process and connection that the engine started."""
        ...


def open_engine(name: str, options: Options) -> Engine:
    """The engine called ``name``; its module is imported only now."""
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"Expected --workers as a number from 1, but received {options.workers}.")
    require_engine(name)
    if name == "local":
        from mrimage.engine.local import open_local

        return open_local(options)
    from mrimage.engine.spark import open_spark

    return open_spark(name, options)


def require_engine(name: str) -> None:
    """Raise UsageError for what is no engine's name, and EngineError for an engine that is not installed."""
    if name == "local":
        return
    if not _SPARK.fullmatch(name):
        if name.startswith(("spark://", "k8s://", "local[")):
            raise UsageError(
                f'Expected a Spark master such as {_MASTERS}, but received --engine "{name}".'
            )
        raise unknown("--engine", name, ENGINES)
    if find_spec("pyspark") is None:
        raise EngineError(
            f'Expected pyspark for --engine {name}, but it is not installed: pip install "mrimage[spark]"'
        )
