"""How the run went, from the task reports alone: the same figures on every engine."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

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

TIMELINE_LIMIT = 400
"""Tasks that the timeline draws: all, or the longest ones."""

STRAGGLER_FACTOR = 2
"""A straggler takes this many times its phase's median, and at least a second."""

MORE_BYTES = 1.5
"""A task with this many times the median's bytes had more to do."""

SIGNALS = {
    "SIGALRM": "an image took too long",
    "SIGSEGV": "a decoder crashed",
    "SIGKILL": "killed, by hand or for its memory",
}
"""Signals that end a worker's process, in words."""

MOMENTS = 60
"""Time slices in which the throughput of a phase is shown."""

LIST_LIMIT = 15

OWN_PHASE = "thumbnails"
"""The report's own pictures: tasks of a few images, which say nothing about the job's."""


def examine(facts: RunFacts, groups: Groups) -> Health:
    """All figures of the job's own section; ``groups`` are for the skew of the keys, before planning."""
    reports = sorted(facts.tasks, key=lambda report: (report.started, report.task))
    origin = reports[0].started if reports else 0.0
    every = _by_phase(reports)
    medians = {
        phase: (
            statistics.median(r.seconds for r in found),
            statistics.median(r.bytes for r in found),
        )
        for phase, found in every.items()
    }
    tasks = [_task(report, origin, *medians[report.phase]) for report in reports]
    stragglers = [task for task in tasks if is_straggler(task)]
    troubled = [task for task in tasks if task.attempts > 1 or task.speculative or task.errors]
    longest = sorted(tasks, key=lambda task: -task.seconds)[:TIMELINE_LIMIT]
    phases = {phase: found for phase, found in every.items() if phase != OWN_PHASE}
    return Health(
        phases=_phases(facts),
        throughput=tuple(
            moment
            for phase, found in phases.items()
            for moment in _throughput(phase, found, origin)
        ),
        durations=tuple(_durations(phase, found) for phase, found in phases.items()),
        timeline=tuple(sorted(longest, key=lambda task: task.start)),
        straggling=len(stragglers),
        stragglers=tuple(sorted(stragglers, key=lambda task: -task.seconds)[:LIST_LIMIT]),
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
    """Whether a task of the job took at least a second, and STRAGGLER_FACTOR times its phase's median."""
    return task.phase != OWN_PHASE and task.times_median >= STRAGGLER_FACTOR and task.seconds >= 1


def _by_phase(reports: Sequence[TaskReport]) -> dict[str, list[TaskReport]]:
    phases: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        phases[report.phase].append(report)
    return phases


def _task(report: TaskReport, origin: float, seconds: float, size: float) -> TaskFigures:
    times_median = report.seconds / seconds if seconds > 0 else 1.0
    times_bytes = report.bytes / size if size > 0 else 1.0
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
        errors=tuple(text.cut(error) for error in report.errors[:5]),
        story="; ".join(_story(report, times_median, times_bytes)),
    )


def _story(report: TaskReport, times_median: float, times_bytes: float) -> Iterator[str]:
    """What happened to a task, as far as it explains its time."""
    for error in report.errors[:5]:
        why = next((why for signal, why in SIGNALS.items() if signal in error), "")
        yield text.cut(error) + (f" ({why})" if why else "")
    if report.speculative:
        yield "a speculative attempt won"
    if times_bytes >= MORE_BYTES:
        yield f"{times_bytes:.1f} times the bytes of the median task"
    elif times_median >= STRAGGLER_FACTOR and not report.errors and not report.speculative:
        yield "no more bytes than others: slow images, or a slow worker"


def _phases(facts: RunFacts) -> tuple[PhaseFigures, ...]:
    busy: dict[str, float] = defaultdict(float)
    for report in facts.tasks:
        busy[report.phase] += report.seconds
    whole = sum(phase.seconds for phase in facts.phases)
    return tuple(
        PhaseFigures(
            name=text.cut(phase.name, 20),
            seconds=phase.seconds,
            share=phase.seconds / whole if whole > 0 else 0.0,
            tasks=phase.tasks,
            images=phase.images,
            bytes=phase.bytes,
            images_per_second=phase.images / phase.seconds if phase.seconds > 0 else 0.0,
            task_seconds=busy[phase.name],
            parallelism=busy[phase.name] / phase.seconds if phase.seconds > 0 else 0.0,
        )
        for phase in facts.phases
    )


def _throughput(
    phase: str, reports: Sequence[TaskReport], origin: float
) -> Iterator[ThroughputSlice]:
    """Images and bytes per second of a phase, each task's spread evenly over the time that it ran."""
    first = min(report.started for report in reports)
    end = max(report.started + report.seconds for report in reports)
    width = max(end - first, 1e-6) / MOMENTS
    images = [0.0] * MOMENTS
    size = [0.0] * MOMENTS
    for report in reports:
        start = report.started - first
        stop = start + max(report.seconds, 1e-6)
        for slot in range(int(start / width), min(math.ceil(stop / width), MOMENTS)):
            share = (min(stop, (slot + 1) * width) - max(start, slot * width)) / (stop - start)
            images[slot] += share * report.images
            size[slot] += share * report.bytes
    for slot in range(MOMENTS):
        start = first - origin + slot * width
        yield ThroughputSlice(
            text.cut(phase, 20), start, width, images[slot] / width, size[slot] / width
        )


def _durations(phase: str, reports: Sequence[TaskReport]) -> Distribution:
    """Task times, two bins for each doubling."""
    counted: dict[int, list[TaskReport]] = defaultdict(list)
    for report in reports:
        counted[math.floor(2 * math.log2(max(report.seconds, 1e-3)))].append(report)
    bars = []
    for index in range(min(counted), max(counted) + 1):
        low, high = 2 ** (index / 2), 2 ** ((index + 1) / 2)
        found = counted.get(index, [])
        label = f"{text.duration(low)} to {text.duration(high)}"
        bars.append(Bar(label, len(found), sum(r.bytes for r in found), low, high))
    about = "Tasks by their wall time; a long tail to the right is a straggler."
    return Distribution(
        f"durations_{phase}", f"Task times: {phase}", "histogram", about, "", tuple(bars)
    )


def _workers(reports: Sequence[TaskReport]) -> tuple[WorkerFigures, ...]:
    shares: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        shares[report.worker].append(report)
    workers = [
        WorkerFigures(
            text.cut(worker, 60),
            len(found),
            sum(r.images for r in found),
            sum(r.seconds for r in found),
            max(r.peak_memory for r in found),
        )
        for worker, found in shares.items()
    ]
    return tuple(sorted(workers, key=lambda worker: -worker.busy_seconds)[:64])


def _skew(reports: Sequence[TaskReport], groups: Groups) -> Skew | None:
    """None where nothing can be out of balance: a single key, or no reduce task."""
    tasks = [report.images for report in reports if report.phase == "reduce" and report.images]
    if groups.total < 2 or not tasks:
        return None
    return Skew(groups.largest * groups.total, max(tasks) / statistics.fmean(tasks), len(tasks))
