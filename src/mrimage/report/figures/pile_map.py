"""The map of all images: what looks alike is near each other, in the color of its cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mrimage.report import text
from mrimage.report.figures.data import MapCluster, MapDot
from mrimage.report.figures.figures import MapPicture, Picture, PileMap
from mrimage.report.tables.views import Tables

WIDTH = 1100
HEIGHT = 630
CELL = 90
"""The map in units of its drawing, and the side of a picture's cell."""

COLORS = 7
"""Clusters that have a color of their own: the largest. The page has so many colors for keys."""

DOTS = 1000
"""Images that are dots, at most: the first by a hash of their uri."""


_PLACED = f"""(
    SELECT uri, cluster, rank,
           {WIDTH} * coalesce((x - min(x) OVER ()) / nullif(max(x) OVER () - min(x) OVER (), 0), 0.5) AS px,
           {HEIGHT} * coalesce((max(y) OVER () - y) / nullif(max(y) OVER () - min(y) OVER (), 0), 0.5) AS py
    FROM clusters)"""
"""The images with their places on the drawing; up is positive, as on any map."""


def map_pictures(tables: Tables) -> Iterator[tuple[str, int, int, int]]:
    """Yield uri, cluster, column and row of the picture of each cell that has images: the most
    typical one of its cluster."""
    if not tables.is_known("clusters"):
        return
    columns = WIDTH // CELL
    rows = HEIGHT // CELL
    yield from tables.rows(
        f"""SELECT uri, cluster, least(floor(px * {columns} / {WIDTH}), {columns - 1})::INTEGER AS c,
                   least(floor(py * {rows} / {HEIGHT}), {rows - 1})::INTEGER AS r
            FROM {_PLACED}
            QUALIFY row_number() OVER (PARTITION BY c, r ORDER BY rank, cluster, uri) = 1
            ORDER BY r, c"""
    )


def draw_map(tables: Tables, available: Collection[str]) -> PileMap | None:
    """Return the map of a run that looked for clusters; None of any other. ``available`` are the
    uris of pictures with a thumbnail."""
    if not tables.is_known("clusters"):
        return None
    images, total = tables.row("SELECT count(*), count(DISTINCT cluster) FROM clusters")
    if images < 2:
        return None
    dots = tables.rows(f"SELECT px, py, cluster FROM {_PLACED} ORDER BY md5(uri), uri LIMIT {DOTS}")
    sizes = tables.rows(
        "SELECT cluster, coalesce(any_value(name), ''), count(*) FROM clusters "
        f"GROUP BY cluster ORDER BY cluster LIMIT {COLORS}"
    )
    pictures = [
        MapPicture(
            Picture(uri, uri.rpartition("/")[2], f"cluster {cluster}"),
            CELL * column,
            CELL * row,
            _color(cluster),
        )
        for uri, cluster, column, row in map_pictures(tables)
        if uri in available
    ]
    return PileMap(
        images=images,
        total=total,
        dots=tuple(MapDot(round(x, 1), round(y, 1), _color(cluster)) for x, y, cluster in dots),
        pictures=tuple(pictures),
        clusters=tuple(
            MapCluster(cluster, text.cut(name, 40), count, _color(cluster))
            for cluster, name, count in sizes
        ),
        sql="SELECT cluster, name, count(*) AS images, avg(distance) AS distance FROM clusters "
        "GROUP BY ALL ORDER BY cluster",
    )


def _color(cluster: int) -> int:
    """The number of the color of a cluster; 0 for those that share one."""
    return cluster if cluster <= COLORS else 0
