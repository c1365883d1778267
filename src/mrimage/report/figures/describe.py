"""All figures about the images themselves, from a few queries over the catalogue."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence

from mrimage.report import text
from mrimage.report.figures.data import Cell, Data, Dimensions, NamedSize, Spread, Spreads, Swatch
from mrimage.report.figures.distributions import HEAVY_COLUMNS, count_all
from mrimage.report.figures.rules import MISDATED
from mrimage.report.tables.views import Tables

FILTER_LIMIT = 24
"""Groups that the charts can be filtered to: the largest ones."""

CELL_LIMIT = 3000
"""The most cells of a heat map or of the map of places."""

COMMON_SIZES = 12
"""Exact sizes that are listed: the most frequent ones."""

SWATCHES = 36
"""Dominant colors that are shown: the most frequent ones."""

GRAY_SATURATION = 0.15
"""Saturation (0..1) up to which a dominant color is sorted as a gray."""

ENOUGH_TO_SPREAD = 5
"""The fewest images of a format whose spread is worth a chart."""

PLACE_DEGREES = 1.0
"""The size of the cells in which places are counted: too coarse to find a home."""

_PLACE = (
    f"floor(longitude / {PLACE_DEGREES}) * {PLACE_DEGREES}, "
    f"floor(latitude / {PLACE_DEGREES}) * {PLACE_DEGREES}"
)
_LOCATED = "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180"

SIZE_NAMES = {
    (16, 16): "icon",
    (28, 28): "MNIST",
    (32, 32): "icon, CIFAR",
    (48, 48): "icon",
    (64, 64): "icon",
    (128, 128): "icon",
    (224, 224): "ImageNet crop",
    (256, 256): "icon",
    (640, 480): "VGA",
    (800, 600): "SVGA",
    (1024, 768): "XGA",
    (1280, 720): "HD 720p",
    (1280, 1024): "SXGA",
    (1920, 1080): "Full HD",
    (1920, 1200): "WUXGA",
    (2560, 1440): "QHD",
    (2560, 1600): "WQXGA",
    (3440, 1440): "ultra-wide QHD",
    (3840, 2160): "4K UHD",
    (4000, 3000): "12 MP 4:3",
    (4032, 3024): "12 MP phone",
    (5120, 2880): "5K",
    (6000, 4000): "24 MP 3:2",
    (7680, 4320): "8K UHD",
}
"""The usual names of sizes in pixels, the longer side first."""

# Cells of the heat map: four for each doubling of the width and of the height.
_COLUMN = "floor(log2(width) * 4)::INTEGER"
_ROW = "floor(log2(height) * 4)::INTEGER"


def describe(tables: Tables, *, places: bool) -> Data:
    """Return all figures of the section on data; ``places`` adds the map of GPS positions."""
    filters = _make_grouped(tables)
    located, taken_from, taken_to = _where_and_when(tables)
    cells = _places(tables) if places and located else None
    return Data(
        distributions=count_all(tables, filters),
        dimensions=_dimensions(tables, filters),
        spreads=_spreads(tables),
        swatches=_swatches(tables),
        filters=tuple(filters),
        places=cells,
        places_by_group=_places_by_group(tables, cells, filters) if cells else {},
        located=located,
        taken_from=taken_from,
        taken_to=taken_to,
    )


def _where_and_when(tables: Tables) -> tuple[int, str, str]:
    """Return how many images have a GPS position, and the first and the last date taken, without
    dates that cannot be right, or ""."""
    located = "count(latitude)" if tables.has("latitude", "longitude") else "0"
    taken = "CASE WHEN NOT " + MISDATED + " THEN taken_at END" if tables.has("taken_at") else "NULL"
    count, first, last = tables.row(f"SELECT {located}, min({taken}), max({taken}) FROM image")
    if first is None:
        return count, "", ""
    return count, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def _make_grouped(tables: Tables) -> list[str]:
    """Make the table ``grouped``, and return the keys of its groups.

    It has the images of the largest groups, with the place ``g`` of the group in the list of keys.
    There is no such table, and the list is empty, if there are no groups to choose between.
    """
    source = tables.membership
    found = tables.rows(
        "SELECT key, count(*) OVER () FROM groups WHERE key IS NOT NULL "
        "ORDER BY images DESC, key LIMIT ?",
        [FILTER_LIMIT],
    )
    has_members = tables.rows(f"SELECT 1 FROM {source} WHERE uri IS NOT NULL LIMIT 1")
    if len(found) < 2 or not has_members:
        return []
    keys = [row[0] for row in found]
    excluded = ", ".join(["uri", *sorted(tables.columns & HEAVY_COLUMNS)])
    tables.connection.execute(
        f"""CREATE TEMP TABLE grouped AS
        SELECT member.g, image.* EXCLUDE ({excluded}) FROM image JOIN (
            SELECT DISTINCT uri, list_position(?, key) - 1 AS g FROM {source}
            WHERE list_contains(?, key)
        ) member USING (uri)""",
        [keys, keys],
    )
    return text.unique(text.cut(key, 80) for key in keys)


def _dimensions(tables: Tables, filters: Sequence[str]) -> Dimensions | None:
    """Return the counts of width by height, or None if the catalogue has no sizes."""
    if not tables.has("width", "height"):
        return None
    cells = (
        f"SELECT {_COLUMN} AS x, {_ROW} AS y, count(*) AS images FROM image "
        "WHERE width > 0 AND height > 0 GROUP BY ALL"
    )
    grid = tables.rows(f"SELECT * FROM ({cells}) ORDER BY images DESC, x, y LIMIT {CELL_LIMIT}")
    sql = (
        "SELECT width, height, count(*) AS images FROM image WHERE width > 0 "
        "GROUP BY ALL ORDER BY images DESC, width, height"
    )
    sizes = tables.rows(
        f"SELECT *, count(*) OVER () FROM ({sql}) ORDER BY images DESC, width, height LIMIT ?",
        [COMMON_SIZES],
    )
    places = {(column, row): place for place, (column, row, _) in enumerate(grid)}
    return Dimensions(
        cells=tuple(_size_cell(column, row, images) for column, row, images in grid),
        common=tuple(
            NamedSize(width, height, _size_name(width, height), images)
            for width, height, images, _ in sizes
        ),
        distinct=sizes[0][3] if sizes else 0,
        sql=sql,
        groups=_cells_by_group(tables, places, filters),
    )


def _size_cell(column: int, row: int, images: int) -> Cell:
    """Return a cell of the heat map with its edges in pixels."""
    return Cell(
        x=2 ** (column / 4),
        x2=2 ** ((column + 1) / 4),
        y=2 ** (row / 4),
        y2=2 ** ((row + 1) / 4),
        images=images,
    )


def _cells_by_group(
    tables: Tables, places: Mapping[tuple[int, int], int], filters: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the counts within each group, by key, aligned with the cells.

    ``places`` gives the place of a cell by its column and row.
    """
    if not filters:
        return {}
    counts = [[0] * len(places) for _ in filters]
    found = tables.rows(
        f"SELECT g, {_COLUMN}, {_ROW}, count(*) FROM grouped "
        "WHERE width > 0 AND height > 0 GROUP BY ALL"
    )
    for group, column, row, images in found:
        place = places.get((column, row))
        if place is not None:
            counts[group][place] = images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}


def _size_name(width: int, height: int) -> str:
    """Return the usual name of a size, in portrait or landscape, or ""."""
    longer = max(width, height)
    shorter = min(width, height)
    return SIZE_NAMES.get((longer, shorter), "")


def _spreads(tables: Tables) -> tuple[Spreads, ...]:
    """Return the bits per pixel by format: what each format costs for these very images."""
    if not tables.has("format", "width", "height"):
        return ()
    # Quantiles of counted hundredths are exact, the same for any number of threads, and need little
    # memory.
    quantiles = ", ".join(
        f"min(value) FILTER (upto >= {share} * images)" for share in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    sql = f"""SELECT format, max(images) AS images, [{quantiles}] AS bits_per_pixel FROM (
        SELECT *, sum(n) OVER (PARTITION BY format ORDER BY value) AS upto, sum(n) OVER (PARTITION BY format)::BIGINT AS images
        FROM (SELECT format, round(8.0 * size / pixels, 2) AS value, count(*) AS n FROM image
              WHERE pixels > 0 AND format IS NOT NULL GROUP BY ALL))
        GROUP BY format ORDER BY images DESC, format LIMIT 12"""
    rows = []
    for label, images, values in tables.rows(sql):
        rows.append(Spread(text.cut(label, 40), images, *map(float, values)))
    if all(row.images < ENOUGH_TO_SPREAD for row in rows):
        return ()
    about = (
        "File size over pixels: the line spans the 5th to 95th percentile, the bar the middle half. "
        "Uncompressed RGB takes 24."
    )
    title = "Bits per pixel by format"
    return (Spreads("density_by_format", title, about, sql, tuple(rows)),)


def _swatches(tables: Tables) -> tuple[Swatch, ...]:
    """Return the most frequent dominant colors, in the order of a rainbow.

    They are counted in cells of 32 levels of each channel.
    """
    if not tables.has("dominant_colors"):
        return ()
    # A cell is the first hexadecimal digit of each channel, made even. An image with two shades of
    # one cell counts once.
    cell = "translate(lower(color[2:2] || color[4:4] || color[6:6]), '13579bdf', '02468ace')"
    found = tables.rows(
        f"""SELECT cell, count(*) AS images FROM (
            SELECT unnest(list_distinct(list_transform(dominant_colors,
                lambda color: CASE WHEN length(color) = 7 THEN {cell} END))) AS cell FROM image)
        WHERE regexp_full_match(cell, '[0-9a-f]{{3}}') GROUP BY cell"""
    )
    counted = [(_middle(digits), images) for digits, images in found]
    counted.sort(key=lambda color: (-color[1], color[0]))
    shown = counted[:SWATCHES]
    shown.sort(key=lambda color: (_rainbow(color[0]), color[0]))
    total = sum(images for _, images in shown)
    swatches = []
    for (red, green, blue), images in shown:
        color = f"#{red:02x}{green:02x}{blue:02x}"
        swatches.append(Swatch(color, images, images / total))
    return tuple(swatches)


def _middle(digits: str) -> tuple[int, int, int]:
    """Return the middle of the cell with these three digits, as levels of red, green and blue."""
    red, green, blue = (int(digit, 16) * 16 + 16 for digit in digits)
    return red, green, blue


def _rainbow(rgb: tuple[int, int, int]) -> tuple[bool, float, float]:
    """Sort grays first, then by hue in twelve steps, then by lightness."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(level / 255 for level in rgb))
    if saturation <= GRAY_SATURATION:
        return False, 0, lightness
    return True, round(hue * 12), lightness


def _places(tables: Tables) -> tuple[Cell, ...]:
    """Return the cells with GPS positions, in degrees, those with the most images first."""
    step = PLACE_DEGREES
    found = tables.rows(
        f"SELECT {_PLACE}, count(*) FROM image WHERE {_LOCATED} "
        "GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT ?",
        [CELL_LIMIT],
    )
    return tuple(Cell(x, x + step, y, y + step, images) for x, y, images in found)


def _places_by_group(
    tables: Tables, cells: Sequence[Cell], filters: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the counts within each group, by key, aligned with ``cells``."""
    if not filters:
        return {}
    places = {(cell.x, cell.y): place for place, cell in enumerate(cells)}
    counts = [[0] * len(cells) for _ in filters]
    found = tables.rows(f"SELECT g, {_PLACE}, count(*) FROM grouped WHERE {_LOCATED} GROUP BY ALL")
    for group, x, y, images in found:
        place = places.get((x, y))
        if place is not None:
            counts[group][place] = images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}
