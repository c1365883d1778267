"""Figures as Vega-Lite charts: plain specifications, each with its rows, its table and what it shows in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mrimage.report import text
from mrimage.report.figures.data import Bar, Distribution

Spec = dict[str, Any]
Row = dict[str, Any]

BAR_STEP = 24
SMALL_BARS = 4
CHART_HEIGHT = 200
FEWEST_TICKS = 3

_BYTES_LABEL = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, '~g') + ' GB' : "
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' MB' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' KB' : format(datum.value, '~g') + ' B'"
)
_SECONDS_LABEL = (
    "datum.value < 1 ? format(datum.value * 1000, '.3~r') + ' ms' : datum.value < 60 ? format(datum.value, '.3~r') + ' s' : "
    "datum.value < 3600 ? format(datum.value / 60, '.3~r') + ' min' : format(datum.value / 3600, '.3~r') + ' h'"
)
PLAIN_LABEL = (
    "datum.value >= 1e5 || datum.value < 1e-3 && datum.value > 0 ? format(datum.value, '.3~s') : "
    "format(datum.value, '.3~r')"
)
"""Labels of an axis without a unit, to three digits."""

_LABELS = {
    "size": _BYTES_LABEL,
    "megapixels": "datum.value < 0.01 ? format(datum.value * 1e6, '~s') + ' px' : format(datum.value, '~r') + ' MP'",
    "focal_length": "format(datum.value, '.3~r') + ' mm'",
}


@dataclass(frozen=True, slots=True)
class Table:
    """What is behind a chart, as text: ``numeric`` says which columns are set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """``spec`` draws the named data ``rows``; ``groups`` holds the counts to put in place of the rows' ``images``
    when the page is narrowed to one group. ``alt`` says in words what the chart shows, ``hint`` how to handle it with
    a mouse."""

    name: str
    title: str
    about: str
    alt: str
    spec: Spec
    rows: tuple[Row, ...]
    table: Table
    sql: str = ""
    hint: str = ""
    wide: bool = False
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether a narrow card is enough."""
        return (
            "layer" in self.spec and not self.wide and self.spec["height"] <= SMALL_BARS * BAR_STEP
        )

    @property
    def aligned(self) -> bool:
        """Whether the table has a row for each bar, so that it can be narrowed with the chart."""
        return bool(self.groups) and self.table.columns[1:] == ("Images", "Share", "Size")

    def complete(self) -> Spec:
        """The specification with its rows inside, for a picture or another tool."""
        return {**self.spec, "datasets": {"rows": list(self.rows)}}


def distribution_chart(distribution: Distribution, noun: str = "image") -> Chart:
    """Bars across for names, upright for ranges and dates."""
    draw = {"category": _across, "histogram": _upright, "timeline": _timeline}[distribution.kind]
    total = sum(bar.images for bar in distribution.bars)
    rows = tuple(_row(bar, total) for bar in distribution.bars)
    return Chart(
        name=distribution.name,
        title=distribution.title,
        about=distribution.about + _left_out(distribution, noun),
        alt=_in_words(distribution, total, noun),
        spec=draw(distribution, noun),
        rows=rows,
        table=_table(distribution, total, noun),
        sql=distribution.sql,
        hint=ZOOM_HINT if distribution.kind == "timeline" else "",
        wide=distribution.kind == "timeline",
        groups=distribution.groups,
    )


CHART, SECOND, THIRD = "var(--chart)", "var(--chart-2)", "var(--chart-3)"
"""Colors by role; the page's style sheet gives them a value for light, dark and paper."""

COUNT_AXIS: Spec = {"tickCount": 4, "labelExpr": "datum.value % 1 ? '' : format(datum.value, '~s')"}
"""An axis of counts: few ticks, short labels, and none for half an image."""

ZOOM_HINT = "Drag to move, Shift and wheel to zoom, double-click to reset."


def base(view: Spec, height: int = CHART_HEIGHT) -> Spec:
    """A chart as wide as its card. Screen readers are told its ``alt`` and have the table instead of its marks."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": "rows"},
        "background": None,
        "config": CONFIG,
        **view,
    }


CONFIG: Spec = {
    "aria": False,
    "mark": {"aria": False},
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "bar": {"color": CHART},
    "rect": {"color": CHART},
    "line": {"color": CHART},
    "area": {"color": CHART},
    "point": {"color": CHART},
    "rule": {"color": CHART},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150,
        "labelPadding": 6,
        "titlePadding": 8,
    },
    "axisY": {"ticks": False},
    "axisYBand": {"domain": False, "grid": False},
    "axisYQuantitative": {"domain": False},
    "axisXQuantitative": {"grid": False},
    "legend": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "text": {"color": "var(--muted)", "fontSize": 12},
}


def _row(bar: Bar, total: int) -> Row:
    share = text.percent(bar.images / total if total else 0)
    row: Row = {
        "label": bar.label,
        "images": bar.images,
        "share": share,
        "bytes": text.size(bar.bytes),
    }
    if bar.low is not None:
        row |= {"low": bar.low, "high": bar.high}
    return row


def _tooltip(title: str, noun: str) -> list[Spec]:
    return [
        {"field": "label", "type": "nominal", "title": title},
        {
            "field": "images",
            "type": "quantitative",
            "title": f"{noun.capitalize()}s",
            "format": ",",
        },
        {"field": "share", "type": "nominal", "title": "Share"},
        {"field": "bytes", "type": "nominal", "title": "Size"},
    ]


def _across(distribution: Distribution, noun: str) -> Spec:
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {"field": "images", "type": "quantitative", "title": None, "axis": None,
         "scale": {"padding": 0}}  # fmt: skip
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": {"band": 0.72}},
        "encoding": {"x": x},
    }
    counts = {
        "mark": {"type": "text", "align": "left", "dx": 5},
        "encoding": {"x": x, "text": {"field": "images", "type": "quantitative", "format": ","}},
    }
    view = {
        "encoding": {"y": y, "tooltip": _tooltip(distribution.title, noun)},
        "layer": [bars, counts],
    }
    return base(view, BAR_STEP * len(distribution.bars))


def _upright(distribution: Distribution, noun: str) -> Spec:
    edges = [bar.low for bar in distribution.bars] + [bar.high for bar in distribution.bars[-1:]]
    logarithmic = _is_logarithmic(distribution.bars)
    axis: Spec = {"labelExpr": _LABELS.get(distribution.name, PLAIN_LABEL), "labelOverlap": "greedy",
                  "labelSeparation": 6, "grid": False}  # fmt: skip
    if logarithmic:
        axis["values"] = _ticks(edges)
    if distribution.name.startswith("durations"):
        axis["labelExpr"] = _SECONDS_LABEL
    scale: Spec = {"type": "log", "nice": False} if logarithmic else {"nice": False, "zero": False}
    if edges:
        scale["domain"] = [edges[0], edges[-1]]
    return base(
        {
            "mark": {"type": "bar", "binSpacing": 1.5, "cornerRadiusEnd": 2},
            "encoding": {
                "x": {
                    "field": "low",
                    "type": "quantitative",
                    "bin": "binned",
                    "title": None,
                    "scale": scale,
                    "axis": axis,
                },
                "x2": {"field": "high"},
                "y": {
                    "field": "images",
                    "type": "quantitative",
                    "title": f"{noun.capitalize()}s",
                    "stack": None,
                    "axis": COUNT_AXIS,
                },
                "tooltip": _tooltip(distribution.title, noun),
            },
        }
    )


def _ticks(edges: Sequence[float | None]) -> list[float]:
    """Ticks of a logarithmic axis: 1, 2 and 5, or the edges where these are round or the axis is short."""
    known = [edge for edge in edges if edge is not None]
    low, high = known[0], known[-1]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [
        tick
        for power in powers
        for m in (1, 2, 5)
        if low <= (tick := m * 10.0**power) <= high * (1 + 1e-9)
    ]
    doubling = math.isclose(known[1] / low, 2)
    return known if doubling or len(ticks) < FEWEST_TICKS else ticks


def _is_logarithmic(bars: Sequence[Bar]) -> bool:
    """Bins that grow are drawn on a logarithmic axis."""
    if len(bars) < 2 or any(bar.low is None or bar.low <= 0 for bar in bars):
        return False
    first, last = bars[0], bars[-1]
    return (last.high or 0) - (last.low or 0) > 1.2 * ((first.high or 0) - (first.low or 0))


def _timeline(distribution: Distribution, noun: str) -> Spec:
    return base(
        {
            "params": [zoom("x")],
            "transform": [
                {"calculate": "datum.low * 1000", "as": "start"},
                {"calculate": "datum.low * 60 + datum.high * 940", "as": "end"},  # a gap after each bar
            ],
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "minBandSize": 1, "clip": True},
            "encoding": {
                "x": {"field": "start", "type": "temporal", "title": None, "scale": {"type": "utc"},
                      "axis": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 10,
                               **_date_ticks(distribution.bars)}},
                "x2": {"field": "end"},
                "y": {"field": "images", "type": "quantitative", "title": f"{noun.capitalize()}s", "stack": None,
                      "axis": COUNT_AXIS},
                "y2": {"datum": 0},
                "tooltip": _tooltip(distribution.title, noun),
            },
        },
        180,
    )  # fmt: skip


def _date_ticks(bars: Sequence[Bar]) -> Spec:
    """Ticks name days only where the bars are days, and no month where they are years."""
    length = len(bars[0].label) if bars else 0
    if length == len("2024"):
        return {"format": "%Y", "tickCount": {"interval": "year", "step": 1}}
    return {"format": "%b %Y" if length == len("2024-01") else "%-d %b %Y"}


def zoom(*axes: str) -> Spec:
    """Drag moves; the wheel zooms only with Shift, so that it still scrolls the page."""
    select = {"type": "interval", "encodings": list(axes), "zoom": "wheel![event.shiftKey]"}
    return {"name": "zoom", "select": select, "bind": "scales"}


def _left_out(distribution: Distribution, noun: str) -> str:
    """What the bars do not show."""
    notes = []
    if distribution.missing:
        notes.append(f"{text.plural(distribution.missing, noun)} without a value")
    if distribution.folded:
        notes.append(f"{text.plural(distribution.folded, 'rarer value')} in the last bar")
    return f" {'; '.join(notes).capitalize()}." if notes else ""


def _in_words(distribution: Distribution, total: int, noun: str) -> str:
    top = sorted(distribution.bars, key=lambda bar: -bar.images)[:3]
    parts = (f"{bar.label} ({text.percent(bar.images / total)})" for bar in top if total)
    return f"{distribution.title} of {text.plural(total, noun)}; most: {', '.join(parts)}."


def _table(distribution: Distribution, total: int, noun: str) -> Table:
    rows = tuple(
        (
            bar.label,
            text.number(bar.images),
            text.percent(bar.images / total if total else 0),
            text.size(bar.bytes),
        )
        for bar in distribution.bars
    )
    return Table(
        (distribution.title, f"{noun.capitalize()}s", "Share", "Size"),
        rows,
        (False, True, True, True),
    )
