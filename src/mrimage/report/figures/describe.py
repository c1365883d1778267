"""What is in the pile: every figure about the images themselves, from a few queries over the catalogue."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from mrimage.report import text
from mrimage.report.figures.data import Cell, Data, Dimensions, NamedSize, Spread, Spreads, Swatch
from mrimage.report.figures.distributions import count_all
from mrimage.report.tables.views import Tables

FILTER_LIMIT = 24
"""Groups that the charts can be narrowed to: the largest ones."""

CELL_LIMIT = 3000
COMMON_SIZES = 12
SWATCHES = 36
ENOUGH_TO_SPREAD = 5
"""Images of one format from which on its spread is worth a line."""

PLACE_DEGREES = 1.0
"""Places are counted in cells of this many degrees, too coarse to tell a home."""

SIZE_NAMES = {
    (640, 480): "VGA", (800, 600): "SVGA", (1024, 768): "XGA", (1280, 720): "HD 720p", (1280, 1024): "SXGA",
    (1920, 1080): "Full HD", (1920, 1200): "WUXGA", (2560, 1440): "QHD", (2560, 1600): "WQXGA",
    (3440, 1440): "ultra-wide QHD", (3840, 2160): "4K UHD", (5120, 2880): "5K", (7680, 4320): "8K UHD",
    (4032, 3024): "12 MP phone", (4000, 3000): "12 MP 4:3", (6000, 4000): "24 MP 3:2", (224, 224): "ImageNet crop",
    (256, 256): "icon", (32, 32): "icon, CIFAR",
    (28, 28): "MNIST", (64, 64): "icon", (16, 16): "icon", (48, 48): "icon", (128, 128): "icon",
}  # fmt: skip


def describe(tables: Tables, *, places: bool) -> Data:
    """All figures of the section on data; ``places`` asks for the coarse map of GPS positions."""
    filters = _make_grouped(tables)
    located = (
        tables.row("SELECT count(latitude) FROM image")[0]
        if tables.has("latitude", "longitude")
        else 0
    )
    return Data(
        distributions=count_all(tables, filters),
        dimensions=_dimensions(tables, filters),
        spreads=_spreads(tables),
        swatches=_swatches(tables),
        filters=tuple(filters),
        places=_places(tables) if places and located else None,
        located=located,
    )


def _make_grouped(tables: Tables) -> list[str]:
    """The table ``grouped``: the images of the largest groups with their group's number ``g``; returns the keys."""
    source = tables.membership
    found = tables.rows(
        "SELECT key, count(*) OVER () FROM groups WHERE key IS NOT NULL ORDER BY images DESC, key LIMIT ?",
        [FILTER_LIMIT],
    )
    if len(found) < 2 or not tables.rows(f"SELECT 1 FROM {source} WHERE uri IS NOT NULL LIMIT 1"):
        return []
    keys = [row[0] for row in found]
    heavy = ", ".join(
        sorted(tables.columns & {"version", "reason", "phash", "sha256", "dominant_colors"})
    )
    tables.connection.execute(
        f"""CREATE TEMP TABLE grouped AS
        SELECT member.g, image.* EXCLUDE (uri{", " + heavy if heavy else ""}) FROM image JOIN (
            SELECT DISTINCT uri, list_position(?, key) - 1 AS g FROM {source} WHERE list_contains(?, key)
        ) member USING (uri)""",
        [keys, keys],
    )
    return text.unique(text.cut(key, 80) for key in keys)


def _dimensions(tables: Tables, filters: Sequence[str]) -> Dimensions | None:
    if not tables.has("width", "height"):
        return None
    x, y = "floor(log2(width) * 4)::INTEGER", "floor(log2(height) * 4)::INTEGER"
    cells = f"SELECT {x} AS x, {y} AS y, count(*) AS images FROM image WHERE width > 0 AND height > 0 GROUP BY ALL"
    grid = tables.rows(f"SELECT * FROM ({cells}) ORDER BY images DESC, x, y LIMIT {CELL_LIMIT}")
    sql = (
        "SELECT width, height, count(*) AS images FROM image WHERE width > 0 "
        "GROUP BY ALL ORDER BY images DESC, width, height"
    )
    sizes = tables.rows(
        f"SELECT *, count(*) OVER () FROM ({sql}) ORDER BY images DESC, width, height LIMIT ?",
        [COMMON_SIZES],
    )
    places = {(row[0], row[1]): place for place, row in enumerate(grid)}
    groups = [[0] * len(grid) for _ in filters]
    if filters:
        inside = (
            f"SELECT g, {x}, {y}, count(*) FROM grouped WHERE width > 0 AND height > 0 GROUP BY ALL"
        )
        for group, column, row, images in tables.rows(inside):
            if (column, row) in places:
                groups[group][places[column, row]] = images
    return Dimensions(
        cells=tuple(
            Cell(2 ** (x / 4), 2 ** ((x + 1) / 4), 2 ** (y / 4), 2 ** ((y + 1) / 4), n)
            for x, y, n in grid
        ),
        common=tuple(NamedSize(w, h, _size_name(w, h), n) for w, h, n, _ in sizes),
        distinct=sizes[0][3] if sizes else 0,
        sql=sql,
        groups={key: tuple(counts) for key, counts in zip(filters, groups, strict=True)},
    )


def _size_name(width: int, height: int) -> str:
    """The size's usual name, whichever way it stands."""
    return SIZE_NAMES.get((max(width, height), min(width, height)), "")


def _spreads(tables: Tables) -> tuple[Spreads, ...]:
    """Bits per pixel by format: what each format costs on these very images."""
    if not tables.has("format", "width", "height"):
        return ()
    # Quantiles of hundredths, counted: exact, the same on every thread count, and in little memory for any pile.
    quantiles = ", ".join(
        f"min(value) FILTER (upto >= {share} * images)" for share in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    sql = f"""SELECT format, max(images) AS images, [{quantiles}] AS bits_per_pixel FROM (
        SELECT *, sum(n) OVER (PARTITION BY format ORDER BY value) AS upto, sum(n) OVER (PARTITION BY format)::BIGINT AS images
        FROM (SELECT format, round(8.0 * size / pixels, 2) AS value, count(*) AS n FROM image
              WHERE pixels > 0 AND format IS NOT NULL GROUP BY ALL))
        GROUP BY format ORDER BY images DESC, format LIMIT 12"""
    rows = tuple(
        Spread(text.cut(label, 40), images, *map(float, spread))
        for label, images, spread in tables.rows(sql)
    )
    if all(row.images < ENOUGH_TO_SPREAD for row in rows):
        return ()
    about = "File size over pixels: the line spans the 5th to 95th percentile, the bar the middle half. RGB takes 24 uncompressed."
    return (Spreads("density_by_format", "Bits per pixel by format", about, sql, rows),)


def _swatches(tables: Tables) -> tuple[Swatch, ...]:
    """Dominant colors in cells of 32 levels per channel, most frequent first, then ordered as a rainbow."""
    if not tables.has("dominant_colors"):
        return ()
    # The first hexadecimal digit of each channel, made even: two shades of one cell are one color of an image.
    cell = "translate(lower(color[2:2] || color[4:4] || color[6:6]), '13579bdf', '02468ace')"
    sql = f"""SELECT cell, count(*) AS images FROM (SELECT unnest(list_distinct(list_transform(dominant_colors,
        lambda color: CASE WHEN length(color) = 7 THEN {cell} END))) AS cell FROM image)
        WHERE regexp_full_match(cell, '[0-9a-f]{{3}}') GROUP BY cell"""
    counted = {
        tuple(int(digit, 16) * 16 + 16 for digit in digits): images
        for digits, images in tables.rows(sql)
    }
    frequent = sorted(counted.items(), key=lambda cell: (-cell[1], cell[0]))[:SWATCHES]
    cells = sorted(frequent, key=lambda cell: (*_rainbow(cell[0]), cell[0]))
    shown = sum(images for _, images in cells)
    return tuple(
        Swatch("#{:02x}{:02x}{:02x}".format(*rgb), images, images / shown) for rgb, images in cells
    )


def _rainbow(rgb: tuple[int, ...]) -> tuple[bool, float, float]:
    """Grays first, then by hue, then by lightness."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(level / 255 for level in rgb))
    return saturation > 0.15, round(hue * 12) if saturation > 0.15 else 0, lightness


def _places(tables: Tables) -> tuple[Cell, ...]:
    step = PLACE_DEGREES
    found = tables.rows(
        f"SELECT floor(longitude / {step}) * {step}, floor(latitude / {step}) * {step}, count(*) FROM image "
        "WHERE latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180 "
        "GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT ?",
        [CELL_LIMIT],
    )
    return tuple(Cell(x, x + step, y, y + step, images) for x, y, images in found)
