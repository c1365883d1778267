"""Charts that compare: the spread of a number by label, and the distributions of two runs."""

from __future__ import annotations

from mrimage.report import text
from mrimage.report.charts.charts import BAR_STEP, Chart, ChartRow, ChartTable
from mrimage.report.charts.style import CHART, COUNT_AXIS, PLAIN_LABEL, SECOND, Spec, base
from mrimage.report.figures.data import Spread, Spreads
from mrimage.report.figures.figures import SideBySide

PAIR_STEP = 28
"""Pixels from one pair of bars to the next."""

_RUNS = ("before", "after")
_PILES = ("that pile", "this one")
"""What the two runs are called: of one source, and of different piles."""

_SPREAD_TICKS = [factor * 10.0**power for power in range(-3, 4) for factor in (1, 2, 5)]


def spreads_chart(spreads: Spreads) -> Chart:
    """Return a chart with a row for each label.

    A line goes from the 5th to the 95th percentile, a bar covers the middle half, and a mark is at
    the median.
    """
    medians = [f"{spread.label} {spread.median:.3g}" for spread in spreads.rows[:6]]
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    view = {"encoding": {"y": y}, "layer": _spread_layers()}
    columns = ("Format", "Images", "5 %", "25 %", "Median", "75 %", "95 %")
    return Chart(
        name=spreads.name,
        title=spreads.title,
        about=spreads.about,
        alt=f"Median bits per pixel: {'; '.join(medians)}.",
        spec=base(view, BAR_STEP * len(spreads.rows)),
        rows=tuple(_spread_row(spread) for spread in spreads.rows),
        table=ChartTable(
            columns,
            tuple(_spread_cells(spread) for spread in spreads.rows),
            (False, True, True, True, True, True, True),
        ),
        sql=spreads.sql,
    )


def _spread_row(spread: Spread) -> ChartRow:
    return {
        "label": spread.label,
        "images": spread.images,
        "p5": spread.p5,
        "p25": spread.p25,
        "median": spread.median,
        "p75": spread.p75,
        "p95": spread.p95,
    }


def _spread_cells(spread: Spread) -> tuple[str, ...]:
    quantiles = (spread.p5, spread.p25, spread.median, spread.p75, spread.p95)
    shown = [f"{value:.3g}" for value in quantiles]
    return (spread.label, text.number(spread.images), *shown)


def _spread_layers() -> list[Spec]:
    x = {
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "Bits per pixel",
        "axis": {
            "labelExpr": PLAIN_LABEL,
            "values": _SPREAD_TICKS,
            "labelOverlap": "greedy",
            "labelSeparation": 8,
        },
    }
    line = {
        "mark": {"type": "rule", "color": CHART, "opacity": 0.6},
        "encoding": {"x": {"field": "p5", **x}, "x2": {"field": "p95"}},
    }
    middle_half = {
        "mark": {"type": "bar", "size": 12, "cornerRadius": 2},
        "encoding": {"x": {"field": "p25", **x}, "x2": {"field": "p75"}},
    }
    median = {
        "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 14},
        "encoding": {"x": {"field": "median", **x}},
    }
    tooltip = [
        {"field": "label", "title": "Format"},
        {"field": "images", "title": "Images"},
        {"field": "p5", "title": "5 %", "format": ".3~g"},
        {"field": "median", "title": "Median", "format": ".3~g"},
        {"field": "p95", "title": "95 %", "format": ".3~g"},
    ]
    layers: list[Spec] = [line, middle_half, median]
    for layer in layers:
        layer["encoding"]["tooltip"] = tooltip
    return layers


def side_by_side_chart(both: SideBySide, *, unrelated: bool) -> Chart:
    """Return a chart with two bars for each label: before and after, or of two different piles."""
    runs = _PILES if unrelated else _RUNS
    values = text.plural(len(both.labels), "value")
    return Chart(
        name=f"compare_{both.name}",
        title=both.title,
        about="Images in the other run and in this one.",
        alt=f"{both.title} before and after, for {values}.",
        spec=_side_by_side_spec(both, runs),
        rows=tuple(_side_by_side_rows(both, runs)),
        table=_side_by_side_table(both),
    )


def _side_by_side_rows(both: SideBySide, runs: tuple[str, str]) -> list[ChartRow]:
    rows: list[ChartRow] = []
    for label, before, after in zip(both.labels, both.before, both.after, strict=True):
        rows.append({"label": label, "run": runs[0], "images": before})
        rows.append({"label": label, "run": runs[1], "images": after})
    return rows


def _side_by_side_spec(both: SideBySide, runs: tuple[str, str]) -> Spec:
    y = {
        "field": "label",
        "type": "nominal",
        "sort": None,
        "title": None,
        "scale": {"paddingInner": 0.25},
    }
    x = {"field": "images", "type": "quantitative", "title": "Images", "axis": COUNT_AXIS}
    color = {
        "field": "run",
        "type": "nominal",
        "sort": list(runs),
        "title": None,
        "scale": {"domain": list(runs), "range": [SECOND, CHART]},
        "legend": {"orient": "top"},
    }
    tooltip = [
        {"field": "label", "title": both.title},
        {"field": "run", "title": "Run"},
        {"field": "images", "title": "Images", "format": ","},
    ]
    view = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": y,
            "yOffset": {"field": "run", "sort": list(runs)},
            "x": x,
            "color": color,
            "tooltip": tooltip,
        },
    }
    return base(view, PAIR_STEP * len(both.labels))


def _side_by_side_table(both: SideBySide) -> ChartTable:
    rows = tuple(
        (label, text.number(before), text.number(after), _signed(after - before))
        for label, before, after in zip(both.labels, both.before, both.after, strict=True)
    )
    return ChartTable(("Value", "Before", "After", "Change"), rows, (False, True, True, True))


def _signed(change: int) -> str:
    """Return a count with its sign, a real minus, and narrow spaces between thousands."""
    return f"{change:+,}".replace(",", "\u202f").replace("-", "\u2212")
