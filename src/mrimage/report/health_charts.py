"""The charts of the job's own health."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mrimage.report import text
from mrimage.report.charts import CHART, COUNT_AXIS, SECOND, THIRD, Chart, Spec, Table, base, distribution_chart
from mrimage.report.data_figures import Bar, Distribution
from mrimage.report.figures import Groups
from mrimage.report.job_figures import Health

TIMELINE_WORKERS = 24

ENOUGH_TASKS = 8
"""Tasks of a phase whose times are worth a histogram; fewer are seen one by one in the timeline."""

_SINCE = "Seconds since the first task"


def health_charts(health: Health) -> tuple[Chart, ...]:
    """Throughput, the timeline of tasks, and task times of each phase that has enough of them."""
    return tuple(_charts(health))


def _charts(health: Health) -> Iterator[Chart]:
    if health.throughput:
        yield _throughput(health)
    if len(health.timeline) > 1:
        yield _timeline(health)
    for distribution in health.durations:
        if sum(bar.images for bar in distribution.bars) >= ENOUGH_TASKS:
            yield distribution_chart(distribution, "task")


def _throughput(health: Health) -> Chart:
    rows = tuple(
        {
            "start": m.start,
            "end": m.start + m.seconds,
            "images": m.images_per_second,
            "bytes": text.size(m.bytes_per_second),
        }
        for m in health.throughput
    )
    best = max(health.throughput, key=lambda m: m.images_per_second)
    spec = base(
        {
            "mark": {"type": "bar", "binSpacing": 0},
            "encoding": {
                "x": {"field": "start", "type": "quantitative", "bin": "binned", "title": _SINCE,
                      "scale": {"nice": False}, "axis": {"grid": False}},
                "x2": {"field": "end"},
                "y": {"field": "images", "type": "quantitative", "title": "Images per second", "axis": COUNT_AXIS},
                "tooltip": [{"field": "start", "title": "From second", "format": ".1f"},
                            {"field": "images", "title": "Images per second", "format": ",.1f"},
                            {"field": "bytes", "title": "Bytes per second"}],
            },
        }
    )  # fmt: skip
    table = tuple(
        (text.duration(m.start), f"{m.images_per_second:,.1f}", text.size(m.bytes_per_second) + "/s")
        for m in health.throughput
    )
    return Chart(
        name="throughput",
        title="Throughput over time",
        about="Images per second of all workers together; a task's images are spread over the time it ran.",
        alt=f"Throughput over time, at most {best.images_per_second:,.0f} images per second.",
        spec=spec,
        rows=rows,
        table=Table(("From", "Images per second", "Bytes per second"), table, (True, True, True)),
        wide=True,
    )


def _timeline(health: Health) -> Chart:
    """Each task as a bar from its start to its end, in its worker's row."""
    workers = {worker.worker: f"worker {place + 1}" for place, worker in enumerate(health.workers[:TIMELINE_WORKERS])}
    drawn = [task for task in health.timeline if task.worker in workers]
    phases = list(dict.fromkeys(task.phase for task in health.timeline))
    rows = tuple(
        {"worker": workers[t.worker], "host": t.worker, "task": t.task, "phase": t.phase, "start": t.start,
         "end": t.start + t.seconds, "seconds": text.duration(t.seconds), "images": t.images, "attempts": t.attempts,
         "trouble": t.attempts > 1 or t.speculative or (t.times_median >= 2 and t.seconds >= 1)}
        for t in drawn
    )  # fmt: skip
    colors = [CHART, SECOND, THIRD, "var(--chart-4)"]
    spec: Spec = base(
        {
            "mark": {"type": "bar", "cornerRadius": 1, "strokeWidth": 2, "height": {"band": 0.8}},
            "encoding": {
                "y": {"field": "worker", "type": "nominal", "sort": list(workers.values()), "title": None},
                "x": {"field": "start", "type": "quantitative", "title": _SINCE, "axis": {"grid": False}},
                "x2": {"field": "end"},
                "color": {"field": "phase", "type": "nominal", "title": None, "legend": {"orient": "top"},
                          "scale": {"domain": phases, "range": colors[: len(phases)]}},
                "stroke": {"condition": {"test": "datum.trouble", "value": "var(--warn)"}, "value": "var(--surface)"},
                "tooltip": [{"field": name, "title": name.capitalize()}
                            for name in ("task", "phase", "worker", "host", "seconds", "images", "attempts")],
            },
        },
        24 * len(workers) + 20,
    )  # fmt: skip
    longest = sorted(drawn, key=lambda task: -task.seconds)[:20]
    table = tuple(
        (t.task, t.phase, workers[t.worker], text.duration(t.seconds), text.number(t.images)) for t in longest
    )
    cut = "" if health.tasks <= len(drawn) else f" The {len(drawn)} longest of {text.number(health.tasks)} tasks."
    return Chart(
        name="tasks",
        title="Tasks over time",
        about="One row for each worker, the busiest first; a marked border is a retry, a speculative attempt or "
        "a straggler: at least a second, and twice its phase's median." + cut,
        alt=f"Timeline of {text.plural(len(drawn), 'task')} on {text.plural(len(workers), 'worker')}.",
        spec=spec,
        rows=rows,
        table=Table(("Longest tasks", "Phase", "Worker", "Time", "Images"), table, (False, False, False, True, True)),
        wide=True,
    )


def groups_chart(groups: Groups) -> Chart | None:
    """The largest groups as bars; None where there is but one."""
    if len(groups.rows) < 2:
        return None
    shown = groups.rows[:14]
    labels = text.unique(text.cut(group.key, 60) or "(empty key)" for group in shown)
    bars = tuple(Bar(label, group.images, group.bytes) for label, group in zip(labels, shown, strict=True))
    more = f" The {len(shown)} largest of {text.number(groups.total)}." if groups.total > len(shown) else ""
    about = "Images in each group." + more
    sql = "SELECT key, images, bytes, pixels FROM groups ORDER BY images DESC, key"
    chart = distribution_chart(Distribution("groups", "Largest groups", "category", about, sql, bars))
    return replace(chart, wide=True)
