"""Figures about the job itself, as plain data; see ``figures`` for the units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrimage.report.figures.data import Distribution


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """One phase of the run.

    ``share`` is its part of the wall time of all phases. ``task_seconds`` is the sum over its tasks,
    and ``parallelism`` is that over its wall time.
    """

    name: str
    seconds: float
    share: float
    tasks: int
    images: int
    bytes: int
    images_per_second: float
    task_seconds: float
    parallelism: float


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """One task, for the timeline and the list of stragglers.

    ``start`` is in seconds since the start of the first task. ``times_median`` and ``times_bytes``
    are its time and its bytes over the medians of its phase. ``story`` says what happened to it.
    """

    task: str
    phase: str
    start: float
    seconds: float
    images: int
    bytes: int
    worker: str
    attempts: int
    speculative: bool
    times_median: float
    times_bytes: float
    errors: tuple[str, ...]
    story: str


@dataclass(frozen=True, slots=True)
class ThroughputSlice:
    """What all workers together did per second in one slice of time of a phase.

    ``start`` is in seconds since the start of the first task.
    """

    phase: str
    start: float
    seconds: float
    images_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """One worker process: what it did, and its peak of resident memory."""

    worker: str
    tasks: int
    images: int
    busy_seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Skew:
    """How uneven the work is: the largest number of images over the mean number.

    ``keys`` compares the groups, and ``tasks`` the ``reduce_tasks`` that were planned for them.
    """

    keys: float
    tasks: float
    reduce_tasks: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the run went.

    ``timeline``, ``stragglers`` and ``troubled`` have only some of the tasks if there are too many
    to show. ``straggling`` and ``troubles`` count them all. The tasks that made the report's own
    pictures are not in ``throughput``, ``durations`` and ``stragglers``.
    """

    phases: tuple[PhaseFigures, ...]
    throughput: tuple[ThroughputSlice, ...]
    durations: tuple[Distribution, ...]
    timeline: tuple[TaskFigures, ...]
    straggling: int
    stragglers: tuple[TaskFigures, ...]
    troubles: int
    troubled: tuple[TaskFigures, ...]
    workers: tuple[WorkerFigures, ...]
    tasks: int
    retries: int
    speculative: int
    peak_memory: int
    skew: Skew | None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What was run, and how to run it again.

    ``steps`` describes the job in words, and ``job`` as settings. ``started`` is in seconds since
    the epoch. ``removed_outputs`` names the first outputs that were removed because their images
    are gone or have changed. ``title`` and ``owner`` are what the page says of itself, if they were
    given.
    """

    source: str
    out: str
    command: str
    steps: tuple[str, ...]
    job: Mapping[str, object]
    engine: str
    workers: int
    plan_hash: str
    versions: Mapping[str, str]
    started: float
    removed_outputs: tuple[str, ...] = ()
    title: str = ""
    owner: str = ""
