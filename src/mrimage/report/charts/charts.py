"""Figures as Vega-Lite charts: a specification, its rows, a table, and a description in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mrimage.report import text
from mrimage.report.charts.axes import axis_of, date_ticks, scale_of
from mrimage.report.charts.style import (
    COUNT_AXIS,
    KEY_COLORS,
    REST_COLOR,
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


@dataclass(frozen=True, slots=True)
class ChartTable:
    """The data of a chart as text. ``numeric`` says which columns are right-aligned."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the page.

    ``spec`` draws the named data ``rows``; each belongs to the bar or cell with the number ``bar``.
    ``groups`` has counts by key, one for each bar: they replace the ``images`` of the rows when the
    page is filtered to one group. ``examples`` has the uris of some images of each bar. ``about``
    and ``omissions``, which is about all groups, stand below the title. ``alt`` describes the chart
    in words, and ``hint`` says how to use it with a mouse.
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
    omissions: str = ""
    examples: tuple[tuple[str, ...], ...] = ()

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

    ``noun`` is what the bars count. Bars are divided by group, in the groups' colors, if each image
    is in one group.
    """
    draw = {"category": _horizontal, "histogram": _histogram, "timeline": _timeline}
    total = sum(bar.images for bar in distribution.bars)
    is_timeline = distribution.kind == "timeline"
    parts = divided([bar.images for bar in distribution.bars], distribution.groups)
    has_examples = any(bar.examples for bar in distribution.bars)
    return Chart(
        name=distribution.name,
        title=distribution.title,
        about=distribution.about,
        omissions=_omissions(distribution, noun),
        alt=_in_words(distribution, total, noun),
        spec=draw[distribution.kind](distribution, noun, bool(parts)),
        rows=tuple(_rows(distribution.bars, total, parts)),
        table=_table(distribution, total, noun),
        sql=distribution.sql,
        hint=ZOOM_HINT if is_timeline else "",
        wide=is_timeline,
        groups=distribution.groups,
        examples=tuple(bar.examples for bar in distribution.bars) if has_examples else (),
    )


def key_colors(keys: Iterable[str]) -> dict[str, str]:
    """Return the colors of the largest groups, by key; ``keys`` begins with the largest."""
    return dict(zip(keys, KEY_COLORS, strict=False))


def divided(
    counts: Sequence[int], groups: Mapping[str, Sequence[int]]
) -> list[list[tuple[str, str, int]]]:
    """Divide each bar by group, into keys, colors and counts.

    The groups without a color of their own come last, together. The result is empty if there are no
    groups, or if an image is in several of them, so that they add up to more than the bar.
    """
    if not groups:
        return []
    sums = [sum(column) for column in zip(*groups.values(), strict=True)]
    if any(found > images for found, images in zip(sums, counts, strict=True)):
        return []
    colors = key_colors(groups)
    bars = []
    for place, images in enumerate(counts):
        parts = [(key, color, groups[key][place]) for key, color in colors.items()]
        rest = images - sum(count for _, _, count in parts)
        bars.append([part for part in (*parts, ("other groups", REST_COLOR, rest)) if part[2]])
    return bars


def _rows(
    bars: Sequence[Bar], total: int, parts: Sequence[Sequence[tuple[str, str, int]]]
) -> Iterator[ChartRow]:
    """Yield a row for each part of each bar, or for each bar if they are not divided."""
    for place, bar in enumerate(bars):
        row = {"bar": place, **_row(bar, total)}
        if not parts:
            yield row
            continue
        if not parts[place]:
            yield row | {"group": "", "color": REST_COLOR, "part": 0}
        for number, (key, color, images) in enumerate(parts[place]):
            divided_row = row | {"group": key, "color": color, "part": number, "images": images}
            if number:
                # The label beside the bar has its total, once.
                del divided_row["total"]
            yield divided_row


def _row(bar: Bar, total: int) -> ChartRow:
    row: ChartRow = {
        "label": bar.label,
        "images": bar.images,
        "total": bar.images,
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


def _tooltip(title: str, noun: str, is_divided: bool) -> list[Spec]:
    tooltip: list[Spec] = [{"field": "label", "type": "nominal", "title": title}]
    if is_divided:
        tooltip.append({"field": "group", "type": "nominal", "title": "Group"})
    count = {
        "field": "images",
        "type": "quantitative",
        "title": _count_title(noun),
        "format": ",",
    }
    whole = "Share of all" if not is_divided else "Share of the whole bar"
    return [
        *tooltip,
        count,
        {"field": "share", "type": "nominal", "title": whole},
        {"field": "bytes", "type": "nominal", "title": whole.replace("Share", "Size")},
    ]


def _division(is_divided: bool) -> Spec:
    """Return the encoding of the parts of bars, in the colors of their groups."""
    if not is_divided:
        return {}
    return {
        "color": {"field": "color", "type": "nominal", "scale": None, "legend": None},
        "detail": {"field": "group"},
        "order": {"field": "part"},
    }


def _stacked(is_divided: bool) -> str | None:
    return "zero" if is_divided else None


def _horizontal(distribution: Distribution, noun: str, is_divided: bool) -> Spec:
    """Draw a bar for each name, with its count beside it."""
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {
        "field": "images",
        "type": "quantitative",
        "title": None,
        "axis": None,
        "scale": {"padding": 0},
        "stack": _stacked(is_divided),
    }
    bars = {
        "mark": {
            "type": "bar",
            "cornerRadiusEnd": 0 if is_divided else 3,
            "height": {"band": 0.72},
            "cursor": "pointer",
        },
        "encoding": {"x": x, **_division(is_divided)},
    }
    count = {"field": "total", "type": "quantitative", "format": ","}
    counts = {
        "transform": [{"filter": "isValid(datum.total)"}],
        "mark": {"type": "text", "align": "left", "dx": 5},
        "encoding": {"x": {**x, "field": "total", "stack": None}, "text": count},
    }
    view = {
        "encoding": {"y": y, "tooltip": _tooltip(distribution.title, noun, is_divided)},
        "layer": [bars, counts],
    }
    return base(view, BAR_STEP * len(distribution.bars))


def _histogram(distribution: Distribution, noun: str, is_divided: bool) -> Spec:
    """Draw a bar for each range of a number."""
    axis, unit = axis_of(distribution)
    x = {
        "field": "low",
        "type": "quantitative",
        "bin": "binned",
        "title": unit,
        "scale": scale_of(distribution.bars),
        "axis": axis,
    }
    y = {
        "field": "images",
        "type": "quantitative",
        "title": _count_title(noun),
        "stack": _stacked(is_divided),
        "axis": COUNT_AXIS,
    }
    view = {
        "mark": {
            "type": "bar",
            "binSpacing": 1.5,
            "cornerRadiusEnd": 0 if is_divided else 2,
            "cursor": "pointer",
        },
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": y,
            "tooltip": _tooltip(distribution.title, noun, is_divided),
            **_division(is_divided),
        },
    }
    return base(view)


def _timeline(distribution: Distribution, noun: str, is_divided: bool) -> Spec:
    """Draw a bar for each day, month or year."""
    # Vega counts milliseconds. Each bar ends 6 % of its length early, which leaves a gap.
    start = {"calculate": "datum.low * 1000", "as": "start"}
    end = {"calculate": "datum.low * 60 + datum.high * 940", "as": "end"}
    axis = {
        "grid": False,
        "labelOverlap": "greedy",
        "labelSeparation": 10,
        **date_ticks(distribution.bars),
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
        "stack": _stacked(is_divided),
        "axis": COUNT_AXIS,
    }
    view: Spec = {
        "params": [zoom("x")],
        "transform": [start, end],
        "mark": {
            "type": "bar",
            # With two ends along the axis of time, Vega-Lite would stack sideways.
            "orient": "vertical",
            "minBandSize": 1,
            "clip": True,
            "cursor": "pointer",
        },
        "encoding": {
            "x": x,
            "x2": {"field": "end"},
            "y": y,
            "tooltip": _tooltip(distribution.title, noun, is_divided),
            **_division(is_divided),
        },
    }
    if not is_divided:
        view["encoding"]["y2"] = {"datum": 0}
    return base(view, TIMELINE_HEIGHT)


def _omissions(distribution: Distribution, noun: str) -> str:
    """Return a sentence on what the bars do not show."""
    notes = []
    if distribution.missing:
        notes.append(f"{text.plural(distribution.missing, noun)} without a value")
    if distribution.folded:
        notes.append(f"{text.plural(distribution.folded, 'rarer value')} in the last bar")
    if not notes:
        return ""
    return f"{'; '.join(notes).capitalize()}."


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
