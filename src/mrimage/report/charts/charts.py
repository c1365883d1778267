"""Figures as Vega-Lite charts: a specification, its rows, a table, and a description in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mrimage.report import text
from mrimage.report.charts.style import (
    COUNT_AXIS,
    PLAIN_LABEL,
    ZOOM_HINT,
    Spec,
    base,
    zoom,
)
from mrimage.report.figures.data import Bar, Distribution

ChartRow = dict[str, Any]
"""A row of a chart's data: a value for each field."""

BAR_STEP = 24
"""Pixels from one horizontal bar to the next."""

SMALL_BARS = 4
"""The most horizontal bars of a chart in a narrow card."""

TIMELINE_HEIGHT = 180
"""Pixels of a chart of dates."""

FEWEST_TICKS = 3
"""An axis with fewer ticks at 1, 2 and 5 has its ticks at the edges of the bars instead."""

# Vega expressions that write the labels of an axis. ``~`` drops trailing zeros, ``s`` adds a prefix
# such as k or M, and ``.3`` keeps three digits (d3-format).
_BYTES_LABEL = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, '~g') + ' GB' : "
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' MB' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' KB' : "
    "format(datum.value, '~g') + ' B'"
)
_SECONDS_LABEL = (
    "datum.value < 1 ? format(datum.value * 1000, '.3~r') + ' ms' : "
    "datum.value < 60 ? format(datum.value, '.3~r') + ' s' : "
    "datum.value < 3600 ? format(datum.value / 60, '.3~r') + ' min' : "
    "format(datum.value / 3600, '.3~r') + ' h'"
)
_MEGAPIXELS_LABEL = (
    "datum.value < 0.01 ? format(datum.value * 1e6, '~s') + ' px' : "
    "format(datum.value, '~r') + ' MP'"
)
_LABELS = {
    "size": _BYTES_LABEL,
    "megapixels": _MEGAPIXELS_LABEL,
    "focal_length": "format(datum.value, '.3~r') + ' mm'",
}
"""Labels of the axes that have a unit, by the name of the distribution."""


@dataclass(frozen=True, slots=True)
class ChartTable:
    """The data of a chart as text. ``numeric`` says which columns are right-aligned."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the page.

    ``spec`` draws the named data ``rows``. ``groups`` has counts by key: they replace the
    ``images`` of the rows when the page is filtered to one group. ``alt`` describes the chart in
    words, and ``hint`` says how to use it with a mouse.
    """

    name: str
    title: str
    about: str
    alt: str
    spec: Spec
    rows: tuple[ChartRow, ...]
    table: ChartTable
    sql: str = ""
    hint: str = ""
    wide: bool = False
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether a narrow card is enough: a chart with few horizontal bars."""
        has_horizontal_bars = "layer" in self.spec and not self.wide
        return has_horizontal_bars and self.spec["height"] <= SMALL_BARS * BAR_STEP

    @property
    def aligned(self) -> bool:
        """Whether the table has a row for each bar, so that a filter can apply to it too."""
        return bool(self.groups) and self.table.columns[1:] == ("Images", "Share", "Size")

    def complete(self) -> Spec:
        """Return the specification together with its rows, for a picture or another tool."""
        return {**self.spec, "datasets": {"rows": list(self.rows)}}


def distribution_chart(distribution: Distribution, noun: str = "image") -> Chart:
    """Return horizontal bars for names, or vertical bars for ranges and dates.

    ``noun`` is what the bars count.
    """
    draw = {"category": _horizontal, "histogram": _histogram, "timeline": _timeline}
    total = sum(bar.images for bar in distribution.bars)
    is_timeline = distribution.kind == "timeline"
    return Chart(
        name=distribution.name,
        title=distribution.title,
        about=distribution.about + _omissions(distribution, noun),
        alt=_in_words(distribution, total, noun),
        spec=draw[distribution.kind](distribution, noun),
        rows=tuple(_row(bar, total) for bar in distribution.bars),
        table=_table(distribution, total, noun),
        sql=distribution.sql,
        hint=ZOOM_HINT if is_timeline else "",
        wide=is_timeline,
        groups=distribution.groups,
    )


def _row(bar: Bar, total: int) -> ChartRow:
    row: ChartRow = {
        "label": bar.label,
        "images": bar.images,
        "share": _percent_of(bar.images, total),
        "bytes": text.size(bar.bytes),
    }
    if bar.low is not None:
        row |= {"low": bar.low, "high": bar.high}
    return row


def _percent_of(images: int, total: int) -> str:
    return text.percent(images / total if total else 0)


def _count_title(noun: str) -> str:
    return f"{noun.capitalize()}s"


def _tooltip(title: str, noun: str) -> list[Spec]:
    return [
        {"field": "label", "type": "nominal", "title": title},
        {
            "field": "images",
            "type": "quantitative",
            "title": _count_title(noun),
            "format": ",",
        },
        {"field": "share", "type": "nominal", "title": "Share"},
        {"field": "bytes", "type": "nominal", "title": "Size"},
    ]


def _horizontal(distribution: Distribution, noun: str) -> Spec:
    """Draw a bar for each name, with its count beside it."""
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {
        "field": "images",
        "type": "quantitative",
        "title": None,
        "axis": None,
        "scale": {"padding": 0},
    }
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": {"band": 0.72}},
        "encoding": {"x": x},
    }
    count = {"field": "images", "type": "quantitative", "format": ","}
    counts = {
        "mark": {"type": "text", "align": "left", "dx": 5},
        "encoding": {"x": x, "text": count},
    }
    view = {
        "encoding": {"y": y, "tooltip": _tooltip(distribution.title, noun)},
        "layer": [bars, counts],
    }
    return base(view, BAR_STEP * len(distribution.bars))


def _histogram(distribution: Distribution, noun: str) -> Spec:
    """Draw a bar for each range of a number."""
    x = {
        "field": "low",
        "type": "quantitative",
        "bin": "binned",
        "title": None,
        "scale": _scale(distribution.bars),
        "axis": _axis(distribution),
    }
    y = {
        "field": "images",
        "type": "quantitative",
        "title": _count_title(noun),
        "stack": None,
        "axis": COUNT_AXIS,
    }
    view = {
        "mark": {"type": "bar", "binSpacing": 1.5, "cornerRadiusEnd": 2},
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": y,
            "tooltip": _tooltip(distribution.title, noun),
        },
    }
    return base(view)


def _scale(bars: Sequence[Bar]) -> Spec:
    scale: Spec = {"nice": False, "zero": False}
    if _is_logarithmic(bars):
        scale = {"type": "log", "nice": False}
    if bars:
        scale["domain"] = [bars[0].low, bars[-1].high]
    return scale


def _axis(distribution: Distribution) -> Spec:
    label = _LABELS.get(distribution.name, PLAIN_LABEL)
    if distribution.name.startswith("durations"):
        label = _SECONDS_LABEL
    axis: Spec = {
        "labelExpr": label,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
        "grid": False,
    }
    if _is_logarithmic(distribution.bars):
        axis["values"] = _ticks(distribution.bars)
    return axis


def _ticks(bars: Sequence[Bar]) -> list[float]:
    """Return the ticks of a logarithmic axis.

    They are at 1, 2 and 5 times the powers of ten. If those are too few, or if each bar is double
    the one before, they are at the edges of the bars.
    """
    edges = [bar.low for bar in bars if bar.low is not None]
    last = bars[-1].high
    if last is not None:
        edges.append(last)
    low = edges[0]
    high = edges[-1] * (1 + 1e-9)
    first_power = math.floor(math.log10(low))
    last_power = math.ceil(math.log10(edges[-1]))
    ticks = []
    for power in range(first_power, last_power + 1):
        round_numbers = [factor * 10.0**power for factor in (1, 2, 5)]
        ticks += [tick for tick in round_numbers if low <= tick <= high]
    is_doubling = math.isclose(edges[1] / low, 2)
    if is_doubling or len(ticks) < FEWEST_TICKS:
        return edges
    return ticks


def _is_logarithmic(bars: Sequence[Bar]) -> bool:
    """Return whether the bins get wider, which calls for a logarithmic axis."""
    if len(bars) < 2 or any(bar.low is None or bar.low <= 0 for bar in bars):
        return False
    return _bin_width(bars[-1]) > 1.2 * _bin_width(bars[0])


def _bin_width(bar: Bar) -> float:
    return (bar.high or 0) - (bar.low or 0)


def _timeline(distribution: Distribution, noun: str) -> Spec:
    """Draw a bar for each day, month or year."""
    # Vega counts milliseconds. Each bar ends 6 % of its length early, which leaves a gap.
    start = {"calculate": "datum.low * 1000", "as": "start"}
    end = {"calculate": "datum.low * 60 + datum.high * 940", "as": "end"}
    axis = {
        "grid": False,
        "labelOverlap": "greedy",
        "labelSeparation": 10,
        **_date_ticks(distribution.bars),
    }
    x = {
        "field": "start",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": axis,
    }
    y = {
        "field": "images",
        "type": "quantitative",
        "title": _count_title(noun),
        "stack": None,
        "axis": COUNT_AXIS,
    }
    view = {
        "params": [zoom("x")],
        "transform": [start, end],
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "minBandSize": 1, "clip": True},
        "encoding": {
            "x": x,
            "x2": {"field": "end"},
            "y": y,
            "y2": {"datum": 0},
            "tooltip": _tooltip(distribution.title, noun),
        },
    }
    return base(view, TIMELINE_HEIGHT)


def _date_ticks(bars: Sequence[Bar]) -> Spec:
    """Return ticks that name days only if the bars are days, and no months if they are years."""
    label = bars[0].label if bars else ""
    if len(label) == len("2024"):
        return {"format": "%Y", "tickCount": {"interval": "year", "step": 1}}
    if len(label) == len("2024-01"):
        return {"format": "%b %Y"}
    return {"format": "%-d %b %Y"}


def _omissions(distribution: Distribution, noun: str) -> str:
    """Return a sentence on what the bars do not show."""
    notes = []
    if distribution.missing:
        notes.append(f"{text.plural(distribution.missing, noun)} without a value")
    if distribution.folded:
        notes.append(f"{text.plural(distribution.folded, 'rarer value')} in the last bar")
    if not notes:
        return ""
    return f" {'; '.join(notes).capitalize()}."


def _in_words(distribution: Distribution, total: int, noun: str) -> str:
    longest = sorted(distribution.bars, key=lambda bar: -bar.images)[:3]
    parts = []
    if total:
        parts = [f"{bar.label} ({_percent_of(bar.images, total)})" for bar in longest]
    counted = text.plural(total, noun)
    return f"{distribution.title} of {counted}; most: {', '.join(parts)}."


def _table(distribution: Distribution, total: int, noun: str) -> ChartTable:
    rows = tuple(
        (
            bar.label,
            text.number(bar.images),
            _percent_of(bar.images, total),
            text.size(bar.bytes),
        )
        for bar in distribution.bars
    )
    columns = (distribution.title, _count_title(noun), "Share", "Size")
    return ChartTable(columns, rows, (False, True, True, True))
