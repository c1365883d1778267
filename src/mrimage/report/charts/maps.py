"""Charts with two axes: the heat map of dimensions, and the coarse map of places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mrimage.report import text
from mrimage.report.charts.charts import Chart, ChartRow, ChartTable, key_colors
from mrimage.report.charts.style import CHART, REST_COLOR, ZOOM_HINT, Spec, base, zoom
from mrimage.report.figures.data import Cell, Dimensions, NamedSize

LABELED_SIZES = 5
"""The most exact sizes that get a ring and a label on the heat map."""

RARE_FRACTION = 20
"""A size gets no label if it has less than 1/20 of the images of the most frequent one."""

# Labels are wide and low. In doublings, two labels closer than this along both axes would overlap.
LABEL_HEIGHT = 0.45
LABEL_WIDTH = 2

HEAT_MAP_HEIGHT = 360
PLACES_HEIGHT = 320

PLACES_IN_TABLE = 20

_COLOR: Spec = {"field": "color", "type": "nominal", "scale": None, "legend": None}

_COLORED_BY = " Each cell has the color of the group with the most images in it."

_COUNT_TOOLTIP = {"field": "images", "title": "Images", "format": ","}


def dimensions_chart(dimensions: Dimensions) -> Chart:
    """Return a heat map of width by height on logarithmic axes, with the frequent sizes named."""
    exact = text.plural(dimensions.distinct, "exact size")
    distinct = text.plural(dimensions.distinct, "distinct size")
    alt = f"Heat map of width by height: {distinct}."
    if dimensions.common:
        first = dimensions.common[0]
        alt += f" The most frequent size is {first.width} × {first.height}."
    labels = [_label(size) for size in _apart(dimensions.common)]
    return Chart(
        name="dimensions",
        title="Dimensions",
        about="Width by height as displayed." + (_COLORED_BY if dimensions.groups else ""),
        omissions=f"{exact.capitalize()}; rings mark those that many share, and the table has the "
        f"{len(dimensions.common)} most frequent.",
        hint=ZOOM_HINT,
        alt=alt,
        spec=_heat_map(labels, [cell.images for cell in dimensions.cells]),
        rows=tuple(_colored(map(_size_row, dimensions.cells), dimensions.groups)),
        table=_size_table(dimensions.common),
        sql=dimensions.sql,
        wide=True,
        groups=dimensions.groups,
    )


def _size_row(cell: Cell) -> ChartRow:
    return {
        **_cell_row(cell),
        "width": f"{cell.x:.0f} to {cell.x2:.0f} px",
        "height": f"{cell.y:.0f} to {cell.y2:.0f} px",
    }


def _cell_row(cell: Cell) -> ChartRow:
    return {"x": cell.x, "x2": cell.x2, "y": cell.y, "y2": cell.y2, "images": cell.images}


def _colored(rows: Iterable[ChartRow], groups: Mapping[str, Sequence[int]]) -> Iterator[ChartRow]:
    """Yield the rows in the color of the group that has the most images of each cell."""
    colors = key_colors(groups)
    largest = [
        max(zip(cell, groups, strict=True), key=_most)
        for cell in zip(*groups.values(), strict=True)
    ]
    for place, row in enumerate(rows):
        color = colors.get(largest[place][1], REST_COLOR) if largest else CHART
        yield {"bar": place, "color": color, **row}


def _most(counted: tuple[int, str]) -> int:
    images, _ = counted
    return images


def _label(size: NamedSize) -> ChartRow:
    label = f"{size.width} × {size.height}"
    if size.name:
        label += f" {size.name}"
    return {
        "w": size.width,
        "h": size.height,
        "text": label,
        "n": size.images,
        "name": size.name or "no usual name",
    }


def _size_table(sizes: Sequence[NamedSize]) -> ChartTable:
    rows = tuple(
        (f"{size.width} × {size.height}", size.name, text.number(size.images)) for size in sizes
    )
    return ChartTable(("Size", "Name", "Images"), rows, (False, False, True))


def places_chart(places: Sequence[Cell], groups: Mapping[str, tuple[int, ...]]) -> Chart:
    """Return a coarse map: a square for each degree of longitude and latitude with images."""
    axis: Spec = {"grid": True, "labelExpr": "format(datum.value, '~r') + '°'", "tickCount": 8}
    scale: Spec = {"nice": False, "zero": False, "padding": 20}
    x: Spec = {"type": "quantitative", "scale": scale, "axis": axis, "title": "Longitude"}
    y: Spec = {**x, "title": "Latitude"}
    tooltip = [
        {"field": "y", "title": "Latitude from", "format": ".0f"},
        {"field": "x", "title": "Longitude from", "format": ".0f"},
        _COUNT_TOOLTIP,
    ]
    view = {
        "params": [zoom("x", "y")],
        "transform": [{"filter": "datum.images > 0"}],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            **_cell_encoding(x, y),
            "color": _COLOR,
            "opacity": _opacity([cell.images for cell in places]),
            "tooltip": tooltip,
        },
    }
    cells = text.plural(len(places), "cell")
    return Chart(
        name="places",
        title="Places",
        about="GPS positions in cells of one degree, about 100 km: coarse on purpose."
        + (_COLORED_BY if groups else ""),
        hint=ZOOM_HINT,
        alt=f"Map of {cells} of one degree that hold images.",
        spec=base(view, PLACES_HEIGHT),
        rows=tuple(_colored(map(_cell_row, places), groups)),
        groups=groups,
        table=_places_table(places),
        sql="SELECT floor(latitude) AS latitude, floor(longitude) AS longitude, "
        "count(*) AS images FROM image "
        "WHERE latitude IS NOT NULL GROUP BY ALL ORDER BY images DESC, latitude, longitude",
        wide=True,
    )


def _places_table(places: Sequence[Cell]) -> ChartTable:
    rows = tuple(
        (f"{cell.y:.0f}°", f"{cell.x:.0f}°", text.number(cell.images))
        for cell in places[:PLACES_IN_TABLE]
    )
    return ChartTable(("Latitude from", "Longitude from", "Images"), rows, (True, True, True))


def _cell_encoding(x: Spec, y: Spec) -> Spec:
    return {
        "x": {"field": "x", **x},
        "x2": {"field": "x2"},
        "y": {"field": "y", **y},
        "y2": {"field": "y2"},
    }


def _opacity(counts: Sequence[int]) -> Spec:
    """Make cells with more images stronger, with a legend if the counts differ."""
    legend: Spec = {
        "title": "Images in a cell",
        "orient": "top",
        "tickCount": 3,
        "format": "~s",
        "symbolType": "square",
        "symbolFillColor": "var(--muted)",
        "symbolStrokeWidth": 0,
        "symbolSize": 140,
    }
    counts_differ = len(set(counts)) > 1
    return {
        "field": "images",
        "type": "quantitative",
        "legend": legend if counts_differ else None,
        "scale": {"type": "log", "range": [0.2, 1], "nice": False},
    }


def _heat_map(labels: Sequence[ChartRow], counts: Sequence[int]) -> Spec:
    axis: Spec = {
        "labelExpr": "format(datum.value, '~r')",
        "grid": True,
        "values": [2**power for power in range(20)],
        "labelOverlap": "greedy",
        "labelSeparation": 6,
    }
    scale: Spec = {"type": "log", "base": 2, "nice": False, "padding": 18}
    x: Spec = {"type": "quantitative", "scale": scale, "title": "Width (pixels)", "axis": axis}
    y: Spec = {**x, "title": "Height (pixels)"}
    tooltip = [
        {"field": "width", "title": "Width"},
        {"field": "height", "title": "Height"},
        _COUNT_TOOLTIP,
    ]
    cells = {
        "params": [zoom("x", "y")],
        "transform": [{"filter": "datum.images > 0"}],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            **_cell_encoding(x, y),
            "color": _COLOR,
            "opacity": _opacity(counts),
            "tooltip": tooltip,
        },
    }
    layers = [cells]
    if labels:
        layers += _label_layers(labels, x, y)
    return base({"layer": layers}, HEAT_MAP_HEIGHT)


def _label_layers(labels: Sequence[ChartRow], x: Spec, y: Spec) -> list[Spec]:
    """Return a layer of rings, and two of names: each has a halo, so that cells do not hide it."""
    position = {"x": {"field": "w", **x}, "y": {"field": "h", **y}}
    tooltip = [
        {"field": "text", "title": "Size"},
        {"field": "name", "title": "Name"},
        {"field": "n", "title": "Images", "format": ","},
    ]
    rings: Spec = {
        "data": {"values": list(labels)},
        "mark": {"type": "point", "size": 60, "strokeWidth": 2, "color": "var(--ink)"},
        "encoding": {**position, "tooltip": tooltip},
    }
    mark: Spec = {
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
    ink: Spec = {"color": "var(--ink)"}
    names: list[Spec] = []
    for look in (halo, ink):
        name = {
            "data": {"values": list(labels)},
            "mark": {**mark, **look},
            "encoding": {**position, "text": {"field": "text"}},
        }
        names.append(name)
    return [rings, *names]


def _apart(sizes: Sequence[NamedSize]) -> list[NamedSize]:
    """Return the most frequent sizes whose labels do not overlap, at most LABELED_SIZES."""
    kept: list[NamedSize] = []
    for size in sizes:
        is_frequent = size.images > max(1, sizes[0].images // RARE_FRACTION)
        if not is_frequent or len(kept) == LABELED_SIZES:
            continue
        if not any(_overlap(size, other) for other in kept):
            kept.append(size)
    return kept


def _overlap(size: NamedSize, other: NamedSize) -> bool:
    rise = abs(math.log2(size.height / other.height))
    shift = abs(math.log2(size.width / other.width))
    return rise <= LABEL_HEIGHT and shift <= LABEL_WIDTH
