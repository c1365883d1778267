"""Figures as Vega-Lite charts: plain specifications, each with its rows, its table and what it shows in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mrimage.report import text
from mrimage.report.figures import Bar, Cell, Dimensions, Distribution, NamedSize, SideBySide, Spreads

Spec = dict[str, Any]
Row = dict[str, Any]

BAR_STEP = 24
SMALL_BARS = 4
CHART_HEIGHT = 200
NAMED_LABELS = 5

_BYTES_LABEL = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, '~g') + ' GB' : datum.value >= 1e6 ? format(datum.value / 1e6, '~g')"
    " + ' MB' : datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' KB' : format(datum.value, '~g') + ' B'"
)
_PLAIN_LABEL = "datum.value >= 1e5 || datum.value < 1e-3 && datum.value > 0 ? format(datum.value, '.3~s') : format(datum.value, '.3~r')"


@dataclass(frozen=True, slots=True)
class Table:
    """What is behind a chart, as text: ``numeric`` says which columns are set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """``spec`` draws the named data ``rows``; ``groups`` holds the counts to put in place of the rows' ``images``
    when the page is narrowed to one group. ``alt`` says in words what the chart shows."""

    name: str
    title: str
    about: str
    alt: str
    spec: Spec
    rows: tuple[Row, ...]
    table: Table
    sql: str = ""
    wide: bool = False
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether a narrow card is enough."""
        return "layer" in self.spec and not self.wide and self.spec["height"] <= SMALL_BARS * BAR_STEP

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
        wide=distribution.kind == "timeline",
        groups=distribution.groups,
    )


def dimensions_chart(dimensions: Dimensions) -> Chart:
    """A heat map of width by height on logarithmic axes, the usual sizes named."""
    rows = tuple(
        {"x": c.x, "x2": c.x2, "y": c.y, "y2": c.y2, "images": c.images,
         "width": f"{c.x:.0f} to {c.x2:.0f} px", "height": f"{c.y:.0f} to {c.y2:.0f} px"}
        for c in dimensions.cells
    )  # fmt: skip
    named = [
        {"w": size.width, "h": size.height, "text": f"{size.width} × {size.height}", "n": size.images,
         "name": size.name or "no usual name"}
        for size in _apart(dimensions.common)
    ]  # fmt: skip
    first = dimensions.common[0] if dimensions.common else None
    most = f" The most frequent size is {first.width} × {first.height}." if first else ""
    return Chart(
        name="dimensions",
        title="Dimensions",
        about="Width by height as displayed. Darker cells hold more images; rings mark exact sizes that many share. "
        "Drag to move, Shift and wheel to zoom, double-click to reset.",
        alt=f"Heat map of width by height: {text.plural(dimensions.distinct, 'distinct size')}.{most}",
        spec=_heat_map(named, "Width (pixels)", "Height (pixels)"),
        rows=rows,
        table=Table(
            ("Size", "Name", "Images"),
            tuple((f"{s.width} × {s.height}", s.name, text.number(s.images)) for s in dimensions.common),
            (False, False, True),
        ),
        sql=dimensions.sql,
        wide=True,
        groups=dimensions.groups,
    )


def spreads_chart(spreads: Spreads) -> Chart:
    """For each label a line from the 5th to the 95th percentile, a bar over the middle half, a mark at the median."""
    rows = tuple(
        {"label": s.label, "images": s.images, "p5": s.p5, "p25": s.p25, "median": s.median, "p75": s.p75, "p95": s.p95}
        for s in spreads.rows
    )
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {"type": "quantitative", "scale": {"type": "log"}, "title": "Bits per pixel",
         "axis": {"labelExpr": _PLAIN_LABEL, "values": [m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5)],
                  "labelOverlap": "greedy", "labelSeparation": 8}}  # fmt: skip
    tips = [("label", "Format"), ("images", "Images"), ("p5", "5 %"), ("median", "Median"), ("p95", "95 %")]
    tooltip = [
        {"field": name, "title": title, **({"format": ".3~g"} if name[0] in "pm" else {})} for name, title in tips
    ]
    layers: list[Spec] = [
        {"mark": {"type": "rule", "color": CHART, "opacity": 0.6},
         "encoding": {"x": {"field": "p5", **x}, "x2": {"field": "p95"}}},
        {"mark": {"type": "bar", "size": 12, "cornerRadius": 2},
         "encoding": {"x": {"field": "p25", **x}, "x2": {"field": "p75"}}},
        {"mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 14},
         "encoding": {"x": {"field": "median", **x}}},
    ]  # fmt: skip
    for layer in layers:
        layer["encoding"]["tooltip"] = tooltip
    columns = ("Format", "Images", "5 %", "25 %", "Median", "75 %", "95 %")
    table = tuple(
        (s.label, text.number(s.images), *(f"{v:.3g}" for v in (s.p5, s.p25, s.median, s.p75, s.p95)))
        for s in spreads.rows
    )
    words = "; ".join(f"{s.label} {s.median:.3g}" for s in spreads.rows[:6])
    return Chart(
        name=spreads.name,
        title=spreads.title,
        about=spreads.about,
        alt=f"Median bits per pixel: {words}.",
        spec=base({"encoding": {"y": y}, "layer": layers}, BAR_STEP * len(rows)),
        rows=rows,
        table=Table(columns, table, (False, *[True] * 6)),
        sql=spreads.sql,
    )


def side_by_side_chart(both: SideBySide) -> Chart:
    """Two bars for each label: before and after."""
    rows = tuple(
        {"label": label, "run": run, "images": images}
        for label, before, after in zip(both.labels, both.before, both.after, strict=True)
        for run, images in (("before", before), ("after", after))
    )
    spec = base(
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "y": {"field": "label", "type": "nominal", "sort": None, "title": None},
                "yOffset": {"field": "run", "sort": ["before", "after"]},
                "x": {"field": "images", "type": "quantitative", "title": "Images", "axis": _COUNT_AXIS},
                "color": {"field": "run", "type": "nominal", "sort": ["before", "after"], "title": None,
                          "scale": {"domain": ["before", "after"], "range": [SECOND, CHART]},
                          "legend": {"orient": "top"}},
                "tooltip": [{"field": "label", "title": both.title}, {"field": "run", "title": "Run"},
                            {"field": "images", "title": "Images", "format": ","}],
            },
        },
        28 * len(both.labels),
    )  # fmt: skip
    table = tuple(
        (label, text.number(before), text.number(after), f"{after - before:+,}")
        for label, before, after in zip(both.labels, both.before, both.after, strict=True)
    )
    return Chart(
        name=f"compare_{both.name}",
        title=both.title,
        about="Images in the other run and in this one.",
        alt=f"{both.title} before and after, for {text.plural(len(both.labels), 'value')}.",
        spec=spec,
        rows=rows,
        table=Table(("Value", "Before", "After", "Change"), table, (False, True, True, True)),
    )


CHART, SECOND, THIRD, WARN = "var(--chart)", "var(--chart-2)", "var(--chart-3)", "var(--warn)"
"""Colours by role; the page's style sheet gives them a value for light, dark and paper."""

_COUNT_AXIS: Spec = {"format": "~s", "tickCount": 4}


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
    "legend": {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12},
    "text": {"color": "var(--muted)", "fontSize": 12},
}


def _row(bar: Bar, total: int) -> Row:
    share = text.percent(bar.images / total if total else 0)
    row: Row = {"label": bar.label, "images": bar.images, "share": share, "bytes": text.size(bar.bytes)}
    if bar.low is not None:
        row |= {"low": bar.low, "high": bar.high}
    return row


def _tooltip(title: str, noun: str) -> list[Spec]:
    return [
        {"field": "label", "type": "nominal", "title": title},
        {"field": "images", "type": "quantitative", "title": f"{noun.capitalize()}s", "format": ","},
        {"field": "share", "type": "nominal", "title": "Share"},
        {"field": "bytes", "type": "nominal", "title": "Size"},
    ]


def _across(distribution: Distribution, noun: str) -> Spec:
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {"field": "images", "type": "quantitative", "title": None, "axis": None,
         "scale": {"padding": 0}}  # fmt: skip
    bars = {"mark": {"type": "bar", "cornerRadiusEnd": 3, "height": {"band": 0.72}}, "encoding": {"x": x}}
    counts = {
        "mark": {"type": "text", "align": "left", "dx": 5},
        "encoding": {"x": x, "text": {"field": "images", "type": "quantitative", "format": ","}},
    }
    view = {"encoding": {"y": y, "tooltip": _tooltip(distribution.title, noun)}, "layer": [bars, counts]}
    return base(view, BAR_STEP * len(distribution.bars))


def _upright(distribution: Distribution, noun: str) -> Spec:
    edges = [bar.low for bar in distribution.bars] + [bar.high for bar in distribution.bars[-1:]]
    logarithmic = _is_logarithmic(distribution.bars)
    axis: Spec = {"labelExpr": _BYTES_LABEL if distribution.name == "size" else _PLAIN_LABEL, "labelOverlap": "greedy",
                  "labelSeparation": 6, "grid": False}  # fmt: skip
    if logarithmic:
        axis["values"] = _round_edges(edges)
    if distribution.name.startswith("durations"):
        axis["labelExpr"] = (
            "datum.value < 1 ? format(datum.value * 1000, '.3~r') + ' ms' : format(datum.value, '.3~r') + ' s'"
        )
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
                    "axis": _COUNT_AXIS,
                },
                "tooltip": _tooltip(distribution.title, noun),
            },
        }
    )


def _round_edges(edges: Sequence[float | None]) -> list[float]:
    """Edges that can be written in full make better ticks than 35.3553; all of them where none can."""
    known = [edge for edge in edges if edge is not None]
    short = [edge for edge in known if math.isclose(edge, float(f"{edge:.3g}"), rel_tol=1e-9)]
    return short if len(short) > 1 else known


def _is_logarithmic(bars: Sequence[Bar]) -> bool:
    """Bins that grow are drawn on a logarithmic axis."""
    if len(bars) < 2 or any(bar.low is None or bar.low <= 0 for bar in bars):
        return False
    first, last = bars[0], bars[-1]
    return (last.high or 0) - (last.low or 0) > 1.2 * ((first.high or 0) - (first.low or 0))


def _timeline(distribution: Distribution, noun: str) -> Spec:
    return base(
        {
            "params": [_zoom("x")],
            "transform": [{"calculate": f"datum.{name} * 1000", "as": name} for name in ("low", "high")],
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "minBandSize": 1, "clip": True},
            "encoding": {
                "x": {"field": "low", "type": "temporal", "title": None, "scale": {"type": "utc"},
                      "axis": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 10, "format": _date_format(distribution.bars)}},
                "x2": {"field": "high"},
                "y": {"field": "images", "type": "quantitative", "title": f"{noun.capitalize()}s", "stack": None,
                      "axis": _COUNT_AXIS},
                "y2": {"datum": 0},
                "tooltip": _tooltip(distribution.title, noun),
            },
        },
        180,
    )  # fmt: skip


def _date_format(bars: Sequence[Bar]) -> str:
    """Ticks need days only where the bars are days, and no month where they are years."""
    return {4: "%Y", 7: "%b %Y"}.get(len(bars[0].label), "%-d %b %Y") if bars else "%Y"


def _heat_map(named: Sequence[Row], x_title: str, y_title: str) -> Spec:
    axis: Spec = {
        "labelExpr": "format(datum.value, '~r')",
        "grid": True,
        "values": [2**power for power in range(0, 20)],
    }
    scale: Spec = {"type": "log", "base": 2, "nice": False, "padding": 18}
    x: Spec = {"type": "quantitative", "scale": scale, "title": x_title, "axis": axis}
    y: Spec = {**x, "title": y_title}
    cells = {
        "params": [_zoom("x", "y")],
        "transform": [{"filter": "datum.images > 0"}],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "x": {"field": "x", **x}, "x2": {"field": "x2"}, "y": {"field": "y", **y}, "y2": {"field": "y2"},
            "fillOpacity": {"field": "images", "type": "quantitative", "legend": None,
                            "scale": {"type": "log", "range": [0.18, 1], "nice": False}},
            "tooltip": [{"field": "width", "title": "Width"}, {"field": "height", "title": "Height"},
                        {"field": "images", "title": "Images", "format": ","}],
        },
    }  # fmt: skip
    at = {"x": {"field": "w", **x}, "y": {"field": "h", **y}}
    tips = [
        {"field": "text", "title": "Size"},
        {"field": "name", "title": "Name"},
        {"field": "n", "title": "Images", "format": ","},
    ]
    rings = {
        "data": {"values": list(named)},
        "mark": {"type": "point", "size": 60, "strokeWidth": 2, "color": "var(--ink)"},
        "encoding": {**at, "tooltip": tips},
    }
    label: Spec = {"type": "text", "align": "right", "dx": -9, "dy": -8, "fontSize": 12, "fontWeight": 600}
    halo: Spec = {"stroke": "var(--surface)", "strokeWidth": 3.5, "strokeJoin": "round", "opacity": 0.85}
    names = [
        {"data": {"values": list(named)}, "mark": {**label, **look}, "encoding": {**at, "text": {"field": "text"}}}
        for look in (halo, {"color": "var(--ink)"})
    ]
    return base({"layer": [cells, rings, *names] if named else [cells]}, 360)


def _zoom(*axes: str) -> Spec:
    """Drag moves; the wheel zooms only with Shift, so that it still scrolls the page."""
    select = {"type": "interval", "encodings": list(axes), "zoom": "wheel![event.shiftKey]"}
    return {"name": "zoom", "select": select, "bind": "scales"}


def _apart(sizes: Sequence[NamedSize]) -> list[NamedSize]:
    """The most frequent sizes whose labels do not cover each other."""
    kept: list[NamedSize] = []
    for size in sizes:
        clear = all(
            abs(math.log2(size.height / other.height)) > 0.45 or abs(math.log2(size.width / other.width)) > 2
            for other in kept
        )
        if clear and len(kept) < NAMED_LABELS and size.images > 1:
            kept.append(size)
    return kept


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
        (bar.label, text.number(bar.images), text.percent(bar.images / total if total else 0), text.size(bar.bytes))
        for bar in distribution.bars
    )
    return Table((distribution.title, f"{noun.capitalize()}s", "Share", "Size"), rows, (False, True, True, True))


def places_chart(places: Sequence[Cell]) -> Chart:
    """A coarse map: one square for each degree of longitude and latitude with images."""
    rows = tuple({"x": c.x, "x2": c.x2, "y": c.y, "y2": c.y2, "images": c.images} for c in places)
    axis: Spec = {"grid": True, "labelExpr": "format(datum.value, '~r') + '°'", "tickCount": 8}
    scale: Spec = {"nice": False, "zero": False, "padding": 20}
    x: Spec = {"type": "quantitative", "scale": scale, "axis": axis, "title": "Longitude"}
    y: Spec = {**x, "title": "Latitude"}
    view = {
        "params": [_zoom("x", "y")],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "x": {"field": "x", **x}, "x2": {"field": "x2"}, "y": {"field": "y", **y}, "y2": {"field": "y2"},
            "fillOpacity": {"field": "images", "type": "quantitative", "legend": None,
                            "scale": {"type": "log", "range": [0.3, 1], "nice": False}},
            "tooltip": [{"field": "y", "title": "Latitude from", "format": ".0f"},
                        {"field": "x", "title": "Longitude from", "format": ".0f"},
                        {"field": "images", "title": "Images", "format": ","}],
        },
    }  # fmt: skip
    top = tuple((f"{c.y:.0f}°", f"{c.x:.0f}°", text.number(c.images)) for c in places[:20])
    return Chart(
        name="places",
        title="Places",
        about="GPS positions in cells of one degree, about 100 km: coarse on purpose.",
        alt=f"Map of {text.plural(len(places), 'cell')} of one degree that hold images.",
        spec=base(view, 320),
        rows=rows,
        table=Table(("Latitude from", "Longitude from", "Images"), top, (True, True, True)),
        sql="SELECT floor(latitude) AS latitude, floor(longitude) AS longitude, count(*) AS images FROM image "
        "WHERE latitude IS NOT NULL GROUP BY ALL ORDER BY images DESC",
        wide=True,
    )
