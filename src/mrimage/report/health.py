"""How the job itself did, from the task reports alone: the same figures whatever the engine."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence

from mrimage.report import text
from mrimage.report.data_figures import Bar, Distribution
from mrimage.report.figures import Groups
from mrimage.report.job_figures import Health, Moment, Phase, Skew, Task, Worker
from mrimage.types import RunFacts, TaskReport

TIMELINE_LIMIT = 400
"""Tasks that the timeline draws: all, or the longest ones."""

STRAGGLER_FACTOR = 2.0
"""A straggler takes this many times its phase's median, and at least a second."""

MOMENTS = 60
LIST_LIMIT = 15


def examine(facts: RunFacts, groups: Groups) -> Health:
    """All figures of the job's own section; ``groups`` are for the skew of the keys, before planning."""
    reports = sorted(facts.tasks, key=lambda report: (report.started, report.task))
    origin = reports[0].started if reports else 0.0
    medians = {
        phase: (statistics.median(r.seconds for r in found), statistics.median(r.bytes for r in found))
        for phase, found in _by_phase(reports).items()
    }
    tasks = [_task(report, origin, *medians[report.phase]) for report in reports]
    stragglers = [t for t in tasks if t.times_median >= STRAGGLER_FACTOR and t.seconds >= 1]
    longest = sorted(tasks, key=lambda task: -task.seconds)[:TIMELINE_LIMIT]
    return Health(
        phases=_phases(facts),
        throughput=_throughput(reports, origin),
        durations=tuple(_durations(phase, found) for phase, found in _by_phase(reports).items()),
        timeline=tuple(sorted(longest, key=lambda task: task.start)),
        stragglers=tuple(sorted(stragglers, key=lambda task: -task.seconds)[:LIST_LIMIT]),
        troubled=tuple([t for t in tasks if t.attempts > 1 or t.speculative or t.errors][:LIST_LIMIT]),
        workers=_workers(reports),
        tasks=len(reports),
        retries=sum(report.attempts - 1 for report in reports),
        speculative=sum(report.speculative for report in reports),
        peak_memory=max((report.peak_memory for report in reports), default=0),
        skew=_skew(reports, groups),
    )


def _by_phase(reports: Sequence[TaskReport]) -> dict[str, list[TaskReport]]:
    phases: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        phases[report.phase].append(report)
    return phases


def _task(report: TaskReport, origin: float, seconds: float, size: float) -> Task:
    return Task(
        task=text.cut(report.task, 40),
        phase=text.cut(report.phase, 20),
        start=report.started - origin,
        seconds=report.seconds,
        images=report.images,
        bytes=report.bytes,
        worker=text.cut(report.worker, 60),
        attempts=report.attempts,
        speculative=report.speculative,
        times_median=report.seconds / seconds if seconds > 0 else 1.0,
        times_bytes=report.bytes / size if size > 0 else 1.0,
        errors=tuple(text.cut(error) for error in report.errors[:5]),
    )


def _phases(facts: RunFacts) -> tuple[Phase, ...]:
    busy: dict[str, float] = defaultdict(float)
    for report in facts.tasks:
        busy[report.phase] += report.seconds
    return tuple(
        Phase(
            name=text.cut(phase.name, 20),
            seconds=phase.seconds,
            tasks=phase.tasks,
            images=phase.images,
            bytes=phase.bytes,
            images_per_second=phase.images / phase.seconds if phase.seconds > 0 else 0.0,
            task_seconds=busy[phase.name],
            parallelism=busy[phase.name] / phase.seconds if phase.seconds > 0 else 0.0,
        )
        for phase in facts.phases
    )


def _throughput(reports: Sequence[TaskReport], origin: float) -> tuple[Moment, ...]:
    """Images and bytes per second, each task's spread evenly over the time that it ran."""
    end = max((report.started + report.seconds - origin for report in reports), default=0.0)
    if end <= 0:
        return ()
    width = end / MOMENTS
    images, size = [0.0] * MOMENTS, [0.0] * MOMENTS
    for report in reports:
        start, stop = report.started - origin, report.started - origin + max(report.seconds, 1e-9)
        for slot in range(int(start / width), min(math.ceil(stop / width), MOMENTS)):
            share = (min(stop, (slot + 1) * width) - max(start, slot * width)) / (stop - start)
            images[slot] += share * report.images
            size[slot] += share * report.bytes
    return tuple(Moment(i * width, width, images[i] / width, size[i] / width) for i in range(MOMENTS))


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
    return Distribution(f"durations_{phase}", f"Task times: {phase}", "histogram", about, "", tuple(bars))


def _workers(reports: Sequence[TaskReport]) -> tuple[Worker, ...]:
    shares: dict[str, list[TaskReport]] = defaultdict(list)
    for report in reports:
        shares[report.worker].append(report)
    workers = [
        Worker(
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
    """None where there is nothing to balance: a single key, or no reduce task."""
    tasks = [report.images for report in reports if report.phase == "reduce" and report.images]
    if groups.total < 2 or not tasks:
        return None
    return Skew(groups.largest * groups.total, max(tasks) / statistics.fmean(tasks), len(tasks))
