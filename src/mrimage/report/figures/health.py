"""How the run went, from the task reports alone, so that every engine has the same figures."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mrimage.report import text
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.figures import Groups
from mrimage.report.figures.job import (
    Health,
    PhaseFigures,
    Skew,
    TaskFigures,
    ThroughputSlice,
    WorkerFigures,
)
from mrimage.types import RunFacts, TaskReport

TIMELINE_TASKS = 400
"""The most tasks that the timeline draws: the longest ones."""

STRAGGLER_FACTOR = 2
"""A straggler takes at least this many times the median of its phase, and at least a second."""

MORE_BYTES = 1.5
"""A task with at least this many times the median's bytes had more to do."""

SIGNALS = {
    "SIGALRM": "an image took too long",
    "SIGSEGV": "a decoder crashed",
    "SIGKILL": "killed, by hand or for its memory",
}
"""Signals that end a worker's process, in words."""

THROUGHPUT_SLICES = 60
"""Slices of time in which the throughput of a phase is shown."""

LIST_LIMIT = 15
"""The most tasks in a list of stragglers or of troubled tasks."""

ERROR_LIMIT = 5
"""The most errors of a task that are kept."""

WORKER_LIMIT = 64
"""The most workers listed: the busiest ones."""

OWN_PHASE = "thumbnails"
"""The phase that makes the report's own pictures. Its tasks say nothing about the job's tasks."""

# Shorter times than these, in seconds, count as these: a clock may not see a task run at all.
_SHORTEST_TIME = 1e-6
_SHORTEST_BIN = 1e-3


def examine(facts: RunFacts, groups: Groups) -> Health:
    """Return all figures of the section on the job; ``groups`` are for the skew of the keys."""
    reports = sorted(facts.tasks, key=lambda report: (report.started, report.task))
    origin = reports[0].started if reports else 0.0
    by_phase = _by_phase(reports)
    tasks = _tasks(reports, by_phase, origin)
    stragglers = [task for task in tasks if is_straggler(task)]
    troubled = [task for task in tasks if task.attempts > 1 or task.speculative or task.errors]
    of_job = {phase: found for phase, found in by_phase.items() if phase != OWN_PHASE}
    throughput: list[ThroughputSlice] = []
    for phase, found in of_job.items():
        throughput += _throughput(phase, found, origin)
    return Health(
        phases=_phases(facts),
        throughput=tuple(throughput),
        durations=tuple(_durations(phase, found) for phase, found in of_job.items()),
        timeline=tuple(sorted(_longest(tasks, TIMELINE_TASKS), key=lambda task: task.start)),
        straggling=len(stragglers),
        stragglers=tuple(_longest(stragglers, LIST_LIMIT)),
        troubles=len(troubled),
        troubled=tuple(troubled[:LIST_LIMIT]),
        workers=_workers(reports),
        tasks=len(reports),
        retries=sum(report.attempts - 1 for report in reports),
        speculative=sum(report.speculative for report in reports),
        peak_memory=max((report.peak_memory for report in reports), default=0),
        skew=_skew(reports, groups),
    )


def is_straggler(task: TaskFigures) -> bool:
    """Return whether a task of the job took a second and STRAGGLER_FACTOR times its median."""
    is_slow = task.times_median >= STRAGGLER_FACTOR and task.seconds >= 1
    return is_slow and task.phase != OWN_PHASE


def _longest(tasks: Sequence[TaskFigures], limit: int) -> list[TaskFigures]:
    return sorted(tasks, key=lambda task: -task.seconds)[:limit]


def _by_phase(reports: Sequence[TaskReport]) -> dict[str, list[TaskReport]]:
    phases: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        phases[report.phase].append(report)
    return phases


def _tasks(
    reports: Sequence[TaskReport], by_phase: Mapping[str, Sequence[TaskReport]], origin: float
) -> list[TaskFigures]:
    """Return the figures of all tasks, with their start in seconds since ``origin``."""
    seconds = {
        phase: statistics.median(report.seconds for report in found)
        for phase, found in by_phase.items()
    }
    sizes = {
        phase: statistics.median(report.bytes for report in found)
        for phase, found in by_phase.items()
    }
    return [_task(report, origin, seconds[report.phase], sizes[report.phase]) for report in reports]


def _task(
    report: TaskReport, origin: float, median_seconds: float, median_bytes: float
) -> TaskFigures:
    times_median = report.seconds / median_seconds if median_seconds > 0 else 1.0
    times_bytes = report.bytes / median_bytes if median_bytes > 0 else 1.0
    return TaskFigures(
        task=text.cut(report.task, 40),
        phase=text.cut(report.phase, 20),
        start=report.started - origin,
        seconds=report.seconds,
        images=report.images,
        bytes=report.bytes,
        worker=text.cut(report.worker, 60),
        attempts=report.attempts,
        speculative=report.speculative,
        times_median=times_median,
        times_bytes=times_bytes,
        errors=tuple(text.cut(error) for error in report.errors[:ERROR_LIMIT]),
        story="; ".join(_story(report, times_median, times_bytes)),
    )


def _story(report: TaskReport, times_median: float, times_bytes: float) -> Iterator[str]:
    """Yield what happened to a task, as far as that explains its time."""
    for error in report.errors[:ERROR_LIMIT]:
        yield text.cut(error) + _signal_in(error)
    if report.speculative:
        yield "a speculative attempt won"
    if times_bytes >= MORE_BYTES:
        yield f"{times_bytes:.1f} times the bytes of the median task"
        return
    was_disturbed = bool(report.errors) or report.speculative
    if times_median >= STRAGGLER_FACTOR and not was_disturbed:
        yield "no more bytes than others: slow images, or a slow worker"


def _signal_in(error: str) -> str:
    """Return in words what the signal means that ``error`` names, or ""."""
    for signal, meaning in SIGNALS.items():
        if signal in error:
            return f" ({meaning})"
    return ""


def _phases(facts: RunFacts) -> tuple[PhaseFigures, ...]:
    task_seconds: dict[str, float] = defaultdict(float)
    for report in facts.tasks:
        task_seconds[report.phase] += report.seconds
    total = sum(phase.seconds for phase in facts.phases)
    return tuple(
        PhaseFigures(
            name=text.cut(phase.name, 20),
            seconds=phase.seconds,
            share=_over(phase.seconds, total),
            tasks=phase.tasks,
            images=phase.images,
            bytes=phase.bytes,
            images_per_second=_over(phase.images, phase.seconds),
            task_seconds=task_seconds[phase.name],
            parallelism=_over(task_seconds[phase.name], phase.seconds),
        )
        for phase in facts.phases
    )


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _throughput(
    phase: str, reports: Sequence[TaskReport], origin: float
) -> Iterator[ThroughputSlice]:
    """Yield images and bytes per second in even slices of a phase.

    The images and bytes of a task are spread evenly over the time that it ran.
    """
    first = min(report.started for report in reports)
    end = max(report.started + report.seconds for report in reports)
    width = max(end - first, _SHORTEST_TIME) / THROUGHPUT_SLICES
    images = [0.0] * THROUGHPUT_SLICES
    size = [0.0] * THROUGHPUT_SLICES
    for report in reports:
        start = report.started - first
        stop = start + max(report.seconds, _SHORTEST_TIME)
        last_slot = min(math.ceil(stop / width), THROUGHPUT_SLICES)
        for slot in range(int(start / width), last_slot):
            overlap = min(stop, (slot + 1) * width) - max(start, slot * width)
            share = overlap / (stop - start)
            images[slot] += share * report.images
            size[slot] += share * report.bytes
    name = text.cut(phase, 20)
    for slot in range(THROUGHPUT_SLICES):
        start = first - origin + slot * width
        yield ThroughputSlice(name, start, width, images[slot] / width, size[slot] / width)


def _durations(phase: str, reports: Sequence[TaskReport]) -> Distribution:
    """Count the tasks of a phase by their times, in two bins for each doubling."""
    counted: dict[int, list[TaskReport]] = defaultdict(list)
    for report in reports:
        seconds = max(report.seconds, _SHORTEST_BIN)
        counted[math.floor(2 * math.log2(seconds))].append(report)
    bars = []
    for index in range(min(counted), max(counted) + 1):
        low = 2 ** (index / 2)
        high = 2 ** ((index + 1) / 2)
        found = counted.get(index, [])
        label = f"{text.duration(low)} to {text.duration(high)}"
        size = sum(report.bytes for report in found)
        bars.append(Bar(label, len(found), size, low, high))
    return Distribution(
        name=f"durations_{phase}",
        title=f"Task times: {phase}",
        kind="histogram",
        about="Tasks by their wall time; a long tail to the right is a straggler.",
        sql="",
        bars=tuple(bars),
    )


def _workers(reports: Sequence[TaskReport]) -> tuple[WorkerFigures, ...]:
    """Return the figures of the busiest workers, the busiest first."""
    by_worker: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        by_worker[report.worker].append(report)
    workers = [
        WorkerFigures(
            worker=text.cut(worker, 60),
            tasks=len(found),
            images=sum(report.images for report in found),
            busy_seconds=sum(report.seconds for report in found),
            peak_memory=max(report.peak_memory for report in found),
        )
        for worker, found in by_worker.items()
    ]
    workers.sort(key=lambda worker: -worker.busy_seconds)
    return tuple(workers[:WORKER_LIMIT])


def _skew(reports: Sequence[TaskReport], groups: Groups) -> Skew | None:
    """Return the skew of the keys and of the reduce tasks.

    It is None if nothing can be out of balance: with a single key, or without reduce tasks.
    """
    images = [report.images for report in reports if report.phase == "reduce" and report.images]
    if groups.total < 2 or not images:
        return None
    return Skew(
        keys=groups.largest * groups.total,
        tasks=max(images) / statistics.fmean(images),
        reduce_tasks=len(images),
    )
