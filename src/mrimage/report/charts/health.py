"""The charts about the job itself, and the chart of its groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from mrimage.report import text
from mrimage.report.charts.charts import (
    Chart,
    ChartRow,
    ChartTable,
    distribution_chart,
    key_colors,
)
from mrimage.report.charts.style import (
    CHART,
    FOURTH,
    PLAIN_LABEL,
    REST_COLOR,
    SECOND,
    THIRD,
    Spec,
    base,
)
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.distributions import nice_step
from mrimage.report.figures.figures import Groups
from mrimage.report.figures.health import is_straggler
from mrimage.report.figures.job import Health, TaskFigures, ThroughputSlice

TIMELINE_WORKERS = 24
"""The most workers that the timeline shows."""

WORKER_STEP = 24
"""Pixels from one worker to the next in the timeline."""

LONGEST_TASKS = 20
"""The most rows of the timeline's table."""

GROUP_BARS = 14
"""The most bars of the chart of groups."""

ENOUGH_TASKS = 8
"""Tasks of a phase whose times are worth a histogram. Of fewer, the timeline shows each."""

ENOUGH_FOR_THROUGHPUT = 4
"""Tasks of a phase whose throughput is worth a chart."""

_PHASE_COLORS = (CHART, SECOND, THIRD, FOURTH)


def health_charts(health: Health) -> tuple[Chart, ...]:
    """Return throughput, the timeline of tasks, and task times of each phase with enough tasks."""
    return tuple(_charts(health))


def _charts(health: Health) -> Iterator[Chart]:
    tasks = {phase.name: phase.tasks for phase in health.phases}
    for phase, slices in groupby(health.throughput, attrgetter("phase")):
        if tasks.get(phase, 0) >= ENOUGH_FOR_THROUGHPUT:
            yield _throughput(phase, list(slices))
    if len(health.timeline) > 1:
        yield _timeline(health)
    for distribution in health.durations:
        if sum(bar.images for bar in distribution.bars) >= ENOUGH_TASKS:
            yield distribution_chart(distribution, "task")


def _since(start: float, end: float) -> Spec:
    """Return the axis of time since the first task, in the unit that suits its end."""
    if end >= 3 * 3600:
        unit = "Hours"
        seconds = 3600
    elif end >= 3 * 60:
        unit = "Minutes"
        seconds = 60
    else:
        unit = "Seconds"
        seconds = 1
    return {
        "field": "start",
        "type": "quantitative",
        "title": f"{unit} since the first task",
        "scale": {"nice": False, "domain": [start, end]},
        "axis": {
            "grid": False,
            "values": _even_ticks(start, end, seconds),
            "labelExpr": f"format(datum.value / {seconds}, '~r')",
        },
    }


def _even_ticks(start: float, end: float, unit: float) -> list[float]:
    """Return ticks in seconds, at round numbers of a ``unit`` of that many seconds."""
    first = start / unit
    last = end / unit
    step = nice_step(first, last, bins=12)
    places = range(math.ceil(first / step), int(last / step) + 1)
    return [round(place * step, 9) * unit for place in places]


def _phase_color(tasks: Sequence[TaskFigures]) -> Spec:
    phases = list(dict.fromkeys(task.phase for task in tasks))
    colors = [_PHASE_COLORS[place % len(_PHASE_COLORS)] for place in range(len(phases))]
    return {
        "field": "phase",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "top"},
        "scale": {"domain": phases, "range": colors},
    }


def _throughput(phase: str, slices: Sequence[ThroughputSlice]) -> Chart:
    """Return the images per second of a phase over time."""
    table = tuple(
        (
            text.duration(slice_.start),
            f"{slice_.images_per_second:,.1f}",
            _bytes_rate(slice_),
        )
        for slice_ in slices
    )
    best = max(slice_.images_per_second for slice_ in slices)
    columns = ("From", "Images per second", "Bytes per second")
    return Chart(
        name=f"throughput_{phase}",
        title=f"Throughput: {phase}",
        about="All workers together; a task's images are spread over the time that it ran.",
        alt=f"Images per second in the phase {phase}, at most {text.short(best)}.",
        spec=_throughput_spec(slices),
        rows=tuple(_throughput_row(slice_) for slice_ in slices),
        table=ChartTable(columns, table, (True, True, True)),
    )


def _bytes_rate(slice_: ThroughputSlice) -> str:
    return f"{text.size(slice_.bytes_per_second)}/s"


def _throughput_row(slice_: ThroughputSlice) -> ChartRow:
    return {
        "start": slice_.start,
        "end": slice_.start + slice_.seconds,
        "from": text.duration(slice_.start),
        "images": slice_.images_per_second,
        "bytes": _bytes_rate(slice_),
    }


def _throughput_spec(slices: Sequence[ThroughputSlice]) -> Spec:
    end = slices[-1].start + slices[-1].seconds
    y = {
        "field": "images",
        "type": "quantitative",
        "title": "Images per second",
        "axis": {"tickCount": 4, "labelExpr": PLAIN_LABEL},
    }
    tooltip = [
        {"field": "from", "title": "From"},
        {"field": "images", "title": "Images per second", "format": ",.1f"},
        {"field": "bytes", "title": "Bytes"},
    ]
    view = {
        "mark": {"type": "bar", "binSpacing": 0, "stroke": CHART, "strokeWidth": 0.6},
        "encoding": {
            "x": {"bin": "binned", **_since(slices[0].start, end)},
            "x2": {"field": "end"},
            "y": y,
            "tooltip": tooltip,
        },
    }
    return base(view)


def _timeline(health: Health) -> Chart:
    """Return each task as a bar from its start to its end, in its worker's row."""
    labels = {
        worker.worker: f"worker {place + 1}"
        for place, worker in enumerate(health.workers[:TIMELINE_WORKERS])
    }
    drawn = [task for task in health.timeline if task.worker in labels]
    rows = tuple(_task_row(task, labels) for task in drawn)
    about = "One row for each worker, the busiest first, and the attempts that counted."
    if any(row["trouble"] for row in rows):
        about += " A marked border is a retry, a speculative attempt or a straggler."
    if health.tasks > len(drawn):
        about += f" The {len(drawn)} longest of {text.number(health.tasks)} tasks."
    tasks = text.plural(len(drawn), "task")
    workers = text.plural(len(labels), "worker")
    return Chart(
        name="tasks",
        title="Tasks over time",
        about=about,
        alt=f"Timeline of {tasks} on {workers}.",
        spec=_timeline_spec(health, labels),
        rows=rows,
        table=_task_table(drawn, labels),
        wide=True,
    )


def _task_row(task: TaskFigures, labels: Mapping[str, str]) -> ChartRow:
    return {
        "worker": labels[task.worker],
        "host": task.worker,
        "task": task.task,
        "phase": task.phase,
        "start": task.start,
        "end": task.start + task.seconds,
        "seconds": text.duration(task.seconds),
        "images": task.images,
        "attempts": task.attempts,
        "trouble": task.attempts > 1 or task.speculative or is_straggler(task),
    }


def _timeline_spec(health: Health, labels: Mapping[str, str]) -> Spec:
    end = max(task.start + task.seconds for task in health.timeline)
    names = ("task", "phase", "worker", "host", "seconds", "images", "attempts")
    border = {
        "condition": {"test": "datum.trouble", "value": "var(--warn)"},
        "value": "var(--surface)",
    }
    y = {"field": "worker", "type": "nominal", "sort": list(labels.values()), "title": None}
    view = {
        "mark": {"type": "bar", "cornerRadius": 1, "strokeWidth": 2, "height": {"band": 0.8}},
        "encoding": {
            "y": y,
            "x": _since(0.0, end),
            "x2": {"field": "end"},
            "color": _phase_color(health.timeline),
            "stroke": border,
            "tooltip": [{"field": name, "title": name.capitalize()} for name in names],
        },
    }
    return base(view, WORKER_STEP * len(labels) + 20)


def _task_table(tasks: Sequence[TaskFigures], labels: Mapping[str, str]) -> ChartTable:
    longest = sorted(tasks, key=lambda task: -task.seconds)[:LONGEST_TASKS]
    rows = tuple(
        (
            task.task,
            task.phase,
            labels[task.worker],
            text.duration(task.start),
            text.duration(task.seconds),
            text.number(task.images),
        )
        for task in longest
    )
    columns = ("Longest tasks", "Phase", "Worker", "From", "Time", "Images")
    return ChartTable(columns, rows, (False, False, False, True, True, True))


def groups_chart(groups: Groups, filters: Sequence[str]) -> Chart | None:
    """Return the largest groups as bars, or None if there is only one group.

    ``filters`` are the keys of the groups that have a color.
    """
    if len(groups.rows) < 2:
        return None
    shown = groups.rows[:GROUP_BARS]
    labels = text.unique(text.cut(group.key, 60) or "(empty key)" for group in shown)
    bars = tuple(
        Bar(label, group.images, group.bytes, examples=group.examples)
        for label, group in zip(labels, shown, strict=True)
    )
    about = "Images in each group."
    if groups.total > len(shown):
        about += f" The {len(shown)} largest of {text.number(groups.total)}."
    sql = "SELECT key, images, bytes, pixels FROM groups ORDER BY images DESC, key"
    largest = Distribution("groups", "Largest groups", "category", about, sql, bars)
    chart = replace(distribution_chart(largest), wide=True)
    if not filters:
        return chart
    colors = key_colors(filters)
    rows = []
    for row, group in zip(chart.rows, shown, strict=True):
        rows.append({**row, "color": colors.get(text.cut(group.key, 80), REST_COLOR)})
    bars_layer, counts = chart.spec["layer"]
    color = {"field": "color", "type": "nominal", "scale": None, "legend": None}
    colored = {**bars_layer, "encoding": {**bars_layer["encoding"], "color": color}}
    return replace(chart, rows=tuple(rows), spec={**chart.spec, "layer": [colored, counts]})
