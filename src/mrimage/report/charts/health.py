"""The charts of the job's own health."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from mrimage.report import text
from mrimage.report.charts.charts import (
    CHART,
    PLAIN_LABEL,
    SECOND,
    THIRD,
    Chart,
    Spec,
    Table,
    base,
    distribution_chart,
)
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.distributions import nice_step
from mrimage.report.figures.figures import Groups
from mrimage.report.figures.health import is_straggler
from mrimage.report.figures.job import Health, Moment

TIMELINE_WORKERS = 24

ENOUGH_TASKS = 8
"""Tasks of a phase whose times are worth a histogram; fewer are seen one by one in the timeline."""

ENOUGH_FOR_RATES = 4
"""Tasks from which on it is told how fast they were one after the other."""

_COLORS = (CHART, SECOND, THIRD, "var(--chart-4)")


def health_charts(health: Health) -> tuple[Chart, ...]:
    """Throughput, the timeline of tasks, and task times of each phase that has enough of them."""
    return tuple(_charts(health))


def _charts(health: Health) -> Iterator[Chart]:
    phases = list(dict.fromkeys(task.phase for task in health.timeline))
    end = max((task.start + task.seconds for task in health.timeline), default=0.0)
    tasks = {phase.name: phase.tasks for phase in health.phases}
    for phase, moments in groupby(health.throughput, attrgetter("phase")):
        if tasks.get(phase, 0) >= ENOUGH_FOR_RATES:
            yield _throughput(phase, list(moments))
    if len(health.timeline) > 1:
        yield _timeline(health, phases, end)
    for distribution in health.durations:
        if sum(bar.images for bar in distribution.bars) >= ENOUGH_TASKS:
            yield distribution_chart(distribution, "task")


def _since(start: float, end: float) -> Spec:
    """The axis of time since the first task, in the unit that suits its length."""
    unit, seconds = next(
        (unit, seconds)
        for unit, seconds, least in (
            ("Hours", 3600, 3 * 3600),
            ("Minutes", 60, 180),
            ("Seconds", 1, 0),
        )
        if end >= least
    )
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
    step = nice_step(start / unit, end / unit, bins=12)
    return [
        round(place * step, 9) * unit
        for place in range(math.ceil(start / unit / step), int(end / unit / step) + 1)
    ]


def _phase_color(phases: Sequence[str]) -> Spec:
    scale = {
        "domain": list(phases),
        "range": [_COLORS[place % len(_COLORS)] for place in range(len(phases))],
    }
    return {
        "field": "phase",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "top"},
        "scale": scale,
    }


def _throughput(phase: str, moments: Sequence[Moment]) -> Chart:
    rows = tuple(
        {"start": m.start, "end": m.start + m.seconds, "from": text.duration(m.start),
         "images": m.images_per_second, "bytes": f"{text.size(m.bytes_per_second)}/s"}
        for m in moments
    )  # fmt: skip
    spec = base(
        {
            "mark": {"type": "bar", "binSpacing": 0, "stroke": CHART, "strokeWidth": 0.6},
            "encoding": {
                "x": {"bin": "binned", **_since(moments[0].start, moments[-1].start + moments[-1].seconds)},
                "x2": {"field": "end"},
                "y": {"field": "images", "type": "quantitative", "title": "Images per second",
                      "axis": {"tickCount": 4, "labelExpr": PLAIN_LABEL}},
                "tooltip": [{"field": "from", "title": "From"},
                            {"field": "images", "title": "Images per second", "format": ",.1f"},
                            {"field": "bytes", "title": "Bytes"}],
            },
        }
    )  # fmt: skip
    table = tuple(
        (
            text.duration(m.start),
            f"{m.images_per_second:,.1f}",
            f"{text.size(m.bytes_per_second)}/s",
        )
        for m in moments
    )
    best = max(moment.images_per_second for moment in moments)
    return Chart(
        name=f"throughput_{phase}",
        title=f"Throughput: {phase}",
        about="All workers together; a task's images are spread over the time that it ran.",
        alt=f"Images per second in the phase {phase}, at most {text.short(best)}.",
        spec=spec,
        rows=rows,
        table=Table(("From", "Images per second", "Bytes per second"), table, (True, True, True)),
    )


def _timeline(health: Health, phases: Sequence[str], end: float) -> Chart:
    """Each task as a bar from its start to its end, in its worker's row."""
    workers = {
        worker.worker: f"worker {place + 1}"
        for place, worker in enumerate(health.workers[:TIMELINE_WORKERS])
    }
    drawn = [task for task in health.timeline if task.worker in workers]
    rows = tuple(
        {"worker": workers[t.worker], "host": t.worker, "task": t.task, "phase": t.phase, "start": t.start,
         "end": t.start + t.seconds, "seconds": text.duration(t.seconds), "images": t.images, "attempts": t.attempts,
         "trouble": t.attempts > 1 or t.speculative or is_straggler(t)}
        for t in drawn
    )  # fmt: skip
    spec: Spec = base(
        {
            "mark": {"type": "bar", "cornerRadius": 1, "strokeWidth": 2, "height": {"band": 0.8}},
            "encoding": {
                "y": {"field": "worker", "type": "nominal", "sort": list(workers.values()), "title": None},
                "x": _since(0.0, end),
                "x2": {"field": "end"},
                "color": _phase_color(phases),
                "stroke": {"condition": {"test": "datum.trouble", "value": "var(--warn)"}, "value": "var(--surface)"},
                "tooltip": [{"field": name, "title": name.capitalize()}
                            for name in ("task", "phase", "worker", "host", "seconds", "images", "attempts")],
            },
        },
        24 * len(workers) + 20,
    )  # fmt: skip
    longest = sorted(drawn, key=lambda task: -task.seconds)[:20]
    table = tuple(
        (
            t.task,
            t.phase,
            workers[t.worker],
            text.duration(t.start),
            text.duration(t.seconds),
            text.number(t.images),
        )
        for t in longest
    )
    cut = (
        ""
        if health.tasks <= len(drawn)
        else f" The {len(drawn)} longest of {text.number(health.tasks)} tasks."
    )
    marked = (
        " A marked border is a retry, a speculative attempt or a straggler."
        if any(r["trouble"] for r in rows)
        else ""
    )
    return Chart(
        name="tasks",
        title="Tasks over time",
        about=f"One row for each worker, the busiest first, and the attempts that counted.{marked}{cut}",
        alt=f"Timeline of {text.plural(len(drawn), 'task')} on {text.plural(len(workers), 'worker')}.",
        spec=spec,
        rows=rows,
        table=Table(
            ("Longest tasks", "Phase", "Worker", "From", "Time", "Images"),
            table,
            (False, False, False, True, True, True),
        ),
        wide=True,
    )


def groups_chart(groups: Groups) -> Chart | None:
    """The largest groups as bars; None where there is but one."""
    if len(groups.rows) < 2:
        return None
    shown = groups.rows[:14]
    labels = text.unique(text.cut(group.key, 60) or "(empty key)" for group in shown)
    bars = tuple(
        Bar(label, group.images, group.bytes) for label, group in zip(labels, shown, strict=True)
    )
    more = (
        f" The {len(shown)} largest of {text.number(groups.total)}."
        if groups.total > len(shown)
        else ""
    )
    about = "Images in each group." + more
    sql = "SELECT key, images, bytes, pixels FROM groups ORDER BY images DESC, key"
    chart = distribution_chart(
        Distribution("groups", "Largest groups", "category", about, sql, bars)
    )
    return replace(chart, wide=True)
