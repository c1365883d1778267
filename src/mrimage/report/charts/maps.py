"""Charts over two axes: the heat map of dimensions, and the coarse map of places."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mrimage.report import text
from mrimage.report.charts.charts import CHART, ZOOM_HINT, Chart, Row, Spec, Table, base, zoom
from mrimage.report.figures.data import Cell, Dimensions, NamedSize

NAMED_LABELS = 5
"""Exact sizes that get a ring and a label on the heat map."""


def dimensions_chart(dimensions: Dimensions) -> Chart:
    """A heat map of width by height on logarithmic axes, the usual sizes named."""
    rows = tuple(
        {"x": c.x, "x2": c.x2, "y": c.y, "y2": c.y2, "images": c.images,
         "width": f"{c.x:.0f} to {c.x2:.0f} px", "height": f"{c.y:.0f} to {c.y2:.0f} px"}
        for c in dimensions.cells
    )  # fmt: skip
    named = [
        {"w": size.width, "h": size.height, "text": f"{size.width} × {size.height}{f' {size.name}' if size.name else ''}", "n": size.images,
         "name": size.name or "no usual name"}
        for size in _apart(dimensions.common)
    ]  # fmt: skip
    first = dimensions.common[0] if dimensions.common else None
    most = f" The most frequent size is {first.width} × {first.height}." if first else ""
    return Chart(
        name="dimensions",
        title="Dimensions",
        about=f"Width by height as displayed, {text.plural(dimensions.distinct, 'exact size')}; rings mark those that many "
        f"share, and the table has the {len(dimensions.common)} most frequent.",
        hint=ZOOM_HINT,
        alt=f"Heat map of width by height: {text.plural(dimensions.distinct, 'distinct size')}.{most}",
        spec=_heat_map(named, [cell.images for cell in dimensions.cells]),
        rows=rows,
        table=Table(
            ("Size", "Name", "Images"),
            tuple(
                (f"{s.width} × {s.height}", s.name, text.number(s.images))
                for s in dimensions.common
            ),
            (False, False, True),
        ),
        sql=dimensions.sql,
        wide=True,
        groups=dimensions.groups,
    )


def places_chart(places: Sequence[Cell]) -> Chart:
    """A coarse map: one square for each degree of longitude and latitude with images."""
    rows = tuple({"x": c.x, "x2": c.x2, "y": c.y, "y2": c.y2, "images": c.images} for c in places)
    axis: Spec = {"grid": True, "labelExpr": "format(datum.value, '~r') + '°'", "tickCount": 8}
    scale: Spec = {"nice": False, "zero": False, "padding": 20}
    x: Spec = {"type": "quantitative", "scale": scale, "axis": axis, "title": "Longitude"}
    y: Spec = {**x, "title": "Latitude"}
    view = {
        "params": [zoom("x", "y")],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "x": {"field": "x", **x}, "x2": {"field": "x2"}, "y": {"field": "y", **y}, "y2": {"field": "y2"},
            "opacity": _strength([cell.images for cell in places]),
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
        hint=ZOOM_HINT,
        alt=f"Map of {text.plural(len(places), 'cell')} of one degree that hold images.",
        spec=base(view, 320),
        rows=rows,
        table=Table(("Latitude from", "Longitude from", "Images"), top, (True, True, True)),
        sql="SELECT floor(latitude) AS latitude, floor(longitude) AS longitude, count(*) AS images FROM image "
        "WHERE latitude IS NOT NULL GROUP BY ALL ORDER BY images DESC, latitude, longitude",
        wide=True,
    )


def _strength(counts: Sequence[int]) -> Spec:
    """The more images, the stronger the color, with a legend where there is a difference."""
    legend: Spec = {"title": "Images in a cell", "orient": "top", "tickCount": 3, "format": "~s",
                    "symbolType": "square", "symbolFillColor": CHART, "symbolStrokeWidth": 0, "symbolSize": 140}  # fmt: skip
    scale: Spec = {"type": "log", "range": [0.2, 1], "nice": False}
    spread = len(set(counts)) > 1
    return {
        "field": "images",
        "type": "quantitative",
        "legend": legend if spread else None,
        "scale": scale,
    }


def _heat_map(named: Sequence[Row], counts: Sequence[int]) -> Spec:
    axis: Spec = {
        "labelExpr": "format(datum.value, '~r')",
        "grid": True,
        "values": [2**power for power in range(0, 20)],
        "labelOverlap": "greedy",
        "labelSeparation": 6,
    }
    scale: Spec = {"type": "log", "base": 2, "nice": False, "padding": 18}
    x: Spec = {"type": "quantitative", "scale": scale, "title": "Width (pixels)", "axis": axis}
    y: Spec = {**x, "title": "Height (pixels)"}
    cells = {
        "params": [zoom("x", "y")],
        "transform": [{"filter": "datum.images > 0"}],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "x": {"field": "x", **x}, "x2": {"field": "x2"}, "y": {"field": "y", **y}, "y2": {"field": "y2"},
            "opacity": _strength(counts),
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
    label: Spec = {
        "type": "text",
        "align": "right",
        "dx": -9,
        "dy": -8,
        "fontSize": 12,
        "fontWeight": 600,
    }
    halo: Spec = {
        "stroke": "var(--surface)",
        "strokeWidth": 3.5,
        "strokeJoin": "round",
        "opacity": 0.85,
    }
    names = [
        {
            "data": {"values": list(named)},
            "mark": {**label, **look},
            "encoding": {**at, "text": {"field": "text"}},
        }
        for look in (halo, {"color": "var(--ink)"})
    ]
    return base({"layer": [cells, rings, *names] if named else [cells]}, 360)


def _apart(sizes: Sequence[NamedSize]) -> list[NamedSize]:
    """The most frequent sizes whose labels do not cover each other."""
    kept: list[NamedSize] = []
    for size in (size for size in sizes if size.images > max(1, sizes[0].images // 20)):
        clear = all(
            abs(math.log2(size.height / other.height)) > 0.45
            or abs(math.log2(size.width / other.width)) > 2
            for other in kept
        )
        if clear and len(kept) < NAMED_LABELS:
            kept.append(size)
    return kept
