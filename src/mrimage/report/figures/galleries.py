"""Which pictures the page shows and why. The same choice asks for the thumbnails and later lays them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mrimage.report import text
from mrimage.report.figures.figures import Galleries, Gallery, Pair, Picture
from mrimage.report.tables.views import Tables

REPRESENTATIVES = 24
"""Groups that get a picture in the table of groups: the largest ones."""

GROUP_GALLERIES, GROUP_PICTURES = 6, 5
PAIRS, SHEETS, EXTREMES = 6, 6, 5

ALIKE = 40
"""Images looked through for each extreme, so that a burst of shots that look the same takes one place, not all."""

ALIKE_BITS = 10
"""Bits of 64 in which the perceptual hashes of two pictures that look alike may differ."""

MAX_COST = 0.3
"""Seconds that decoding one thumbnail may take, as estimated; a 600-megapixel PNG is not worth its picture."""

_SECONDS_PER_PIXEL = {"jpeg": 4e-9, "webp": 15e-9, "png": 15e-9, "avif": 40e-9, "heif": 40e-9}
_OTHER_SECONDS_PER_PIXEL = 25e-9
_PROGRESSIVE = 5
"""A progressive JPEG needs all its passes, so a scaled decode saves little."""

_PICTURE_FILES = "regexp_matches(lower(output), '\\.(jpe?g|png|webp|avif|tiff?|gif)$')"


@dataclass(frozen=True, slots=True)
class Extreme:
    """A gallery of the images that come first in ``order``; ``note`` is SQL for the caption."""

    name: str
    title: str
    needs: tuple[str, ...]
    order: str
    note: str


_SIZE_NOTE = "width || ' × ' || height"
EXTREMES_SHOWN = (
    Extreme("largest", "Most pixels", ("width", "height"), "pixels DESC", _SIZE_NOTE),
    Extreme("smallest", "Fewest pixels", ("width", "height"), "pixels", _SIZE_NOTE),
    Extreme("blurriest", "Least sharp", ("sharpness",), "sharpness", "'sharpness ' || format('{:.2g}', sharpness)"),
    Extreme("darkest", "Darkest", ("brightness",), "brightness", "'luma ' || format('{:.2f}', brightness)"),
    Extreme("brightest", "Brightest", ("brightness",), "brightness DESC", "'luma ' || format('{:.2f}', brightness)"),
    Extreme("colorful", "Most colorful", ("colorfulness",), "colorfulness DESC", "'colorfulness ' || format('{:.0f}', colorfulness)"),
    Extreme("elongated", "Longest and thinnest", ("width", "height"),
            "greatest(width, height)::DOUBLE / least(width, height) DESC", _SIZE_NOTE),
)  # fmt: skip


EMPTY = Galleries((), (), (), ())
"""No pictures: a run with --no-thumbnails."""


def select(tables: Tables) -> tuple[Galleries, dict[str, str]]:
    """All pictures worth showing, and the representative image (a uri) of each of the largest keys."""
    if not tables.has("width", "height", "format"):
        return Galleries((), (), _sheets(tables), ()), {}
    _make_affordable(tables)
    samples, groups = _groups(tables)
    return Galleries(
        _extremes(tables), _pairs(tables, list(samples)), _sheets(tables), groups
    ), samples


def in_order_of_worth(galleries: Galleries, samples: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(uri or output path, kind) of every picture, what matters most first, with repetitions."""
    for pair in galleries.pairs:
        yield pair.before.uri, "before"
        yield pair.after.uri, "after"
    for picture in galleries.sheets:
        yield picture.uri, "sheet"
    for uri in samples.values():
        yield uri, "group"
    for kind, rows in (("extreme", galleries.extremes), ("group", galleries.groups)):
        for gallery in rows:
            for picture in gallery.pictures:
                yield picture.uri, kind


def only_available(galleries: Galleries, available: frozenset[str]) -> Galleries:
    """The galleries without the pictures that have no thumbnail."""

    def kept(rows: Sequence[Gallery]) -> tuple[Gallery, ...]:
        cut = (
            replace(row, pictures=tuple(p for p in row.pictures if p.uri in available))
            for row in rows
        )
        return tuple(row for row in cut if row.pictures)

    return Galleries(
        extremes=kept(galleries.extremes),
        pairs=tuple(
            p for p in galleries.pairs if p.before.uri in available and p.after.uri in available
        ),
        sheets=tuple(p for p in galleries.sheets if p.uri in available),
        groups=kept(galleries.groups),
    )


def _make_affordable(tables: Tables) -> None:
    """The view ``affordable``: images whose decoding costs at most MAX_COST."""
    rates = " ".join(f"WHEN '{name}' THEN {rate}" for name, rate in _SECONDS_PER_PIXEL.items())
    passes = (
        f" * CASE WHEN progressive THEN {_PROGRESSIVE} ELSE 1 END"
        if tables.has("progressive")
        else ""
    )
    cost = f"pixels * CASE format {rates} ELSE {_OTHER_SECONDS_PER_PIXEL} END{passes}"
    tables.connection.execute(
        f"CREATE TEMP VIEW affordable AS SELECT *, {cost} AS cost FROM image WHERE pixels > 0 AND {cost} <= {MAX_COST}"
    )


def _extremes(tables: Tables) -> tuple[Gallery, ...]:
    """None where there are so few images that each would be in every gallery."""
    if tables.row("SELECT count(*) FROM affordable")[0] <= EXTREMES:
        return ()
    galleries = []
    look = "phash" if tables.has("phash") else "NULL"
    for extreme in EXTREMES_SHOWN:
        if not tables.has(*extreme.needs):
            continue
        found = tables.rows(
            f"SELECT uri, {extreme.note}, {look} FROM affordable WHERE {extreme.needs[0]} IS NOT NULL "
            f"ORDER BY {extreme.order}, uri LIMIT {EXTREMES * ALIKE}"
        )
        pictures = tuple(_picture(uri, note) for uri, note in _unlike(found)[:EXTREMES])
        galleries.append(Gallery(extreme.name, extreme.title, pictures))
    return tuple(gallery for gallery in galleries if gallery.pictures)


def _unlike(found: Sequence[tuple[str, str, str | None]]) -> list[tuple[str, str]]:
    """The uris and notes of those images that look like none before them; ``found`` has their perceptual hashes too."""
    kept: list[tuple[str, str]] = []
    looks: list[int] = []
    for uri, note, phash in found:
        look = int(phash, 16) if phash else None
        if look is not None:
            if any((look ^ other).bit_count() <= ALIKE_BITS for other in looks):
                continue
            looks.append(look)
        kept.append((uri, note))
    return kept


def _groups(tables: Tables) -> tuple[dict[str, str], tuple[Gallery, ...]]:
    """For each of the largest keys the image nearest to its median size (and brightness), and a few by chance."""
    light = (
        " + abs(brightness - median(brightness) OVER w) / 64" if tables.has("brightness") else ""
    )
    found = tables.rows(
        f"""WITH largest AS (
            SELECT key, row_number() OVER (ORDER BY images DESC, key) AS place
            FROM groups WHERE key IS NOT NULL ORDER BY place LIMIT {REPRESENTATIVES}
        ), member AS (
            SELECT DISTINCT key, uri FROM {tables.membership} WHERE uri IS NOT NULL AND key IN (SELECT key FROM largest)
        ), measured AS (
            SELECT key, uri, width, height, cost, hash(uri) AS chance,
                   abs(log2(pixels) - median(log2(pixels)) OVER w){light} AS distance
            FROM affordable JOIN member USING (uri) WINDOW w AS (PARTITION BY key)
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY key ORDER BY round(distance, 1), cost, uri) AS typical
            FROM measured
        )
        SELECT key, uri, width, height, typical FROM ranked JOIN largest USING (key)
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY typical > 1, chance, uri) <= {GROUP_PICTURES}
        ORDER BY place, typical > 1, chance, uri"""
    )
    samples = {key: uri for key, uri, _, _, typical in found if typical == 1}
    galleries = []
    for key in list(samples)[:GROUP_GALLERIES]:
        pictures = tuple(_picture(uri, f"{w} × {h}") for name, uri, w, h, _ in found if name == key)
        galleries.append(Gallery(text.cut(key, 80), text.cut(key, 80), pictures))
    return samples, tuple(gallery for gallery in galleries if len(gallery.pictures) > 1)


def _pairs(tables: Tables, keys: Sequence[str]) -> tuple[Pair, ...]:
    """One source and its output for each of the largest keys in turn, until there are PAIRS."""
    found = tables.rows(
        f"""WITH pair AS (
            SELECT key, uri, output, o.width AS w, o.height AS h, o.bytes AS b, i.width, i.height, i.size, i.format,
                   row_number() OVER (PARTITION BY key ORDER BY (i.width = o.width AND i.height = o.height),
                                      round(cost, 1), hash(uri), uri, output) AS turn
            FROM outputs o JOIN affordable i USING (uri)
            WHERE {_PICTURE_FILES} AND o.width IS NOT NULL AND list_contains(?, key)
            QUALIFY turn <= {PAIRS}
        )
        SELECT uri, output, format, width, height, size, w, h, b FROM pair
        ORDER BY turn, list_position(?, key), uri, output LIMIT {PAIRS}""",
        [list(keys), list(keys)],
    )
    return tuple(_pair(*row) for row in found)


def _pair(
    uri: str,
    output: str,
    kind: str,
    width: int,
    height: int,
    size: int,
    w: int,
    h: int,
    size_after: int,
) -> Pair:
    suffix = output.rpartition(".")[2].lower()
    smaller = (
        f"{size / size_after:.1f} times smaller" if size_after and size >= size_after else "larger"
    )
    return Pair(
        before=_picture(uri, f"{kind} · {width} × {height} · {text.size(size)}"),
        after=_picture(output, f"{suffix} · {w} × {h} · {text.size(size_after)}"),
        change=f"{text.size(size)} to {text.size(size_after)}: {smaller}",
    )


def _sheets(tables: Tables) -> tuple[Picture, ...]:
    """What group reducers made of the largest groups, as far as it is a picture."""
    found = tables.rows(
        f"""SELECT output, key, width, height FROM outputs LEFT JOIN groups USING (key)
        WHERE outputs.uri IS NULL AND {_PICTURE_FILES} ORDER BY images DESC NULLS LAST, key, output LIMIT {SHEETS}"""
    )
    return tuple(
        Picture(
            output,
            text.cut(key, 80),
            text.cut(output.rpartition("/")[2], 40) + (f" · {width} × {height}" if width else ""),
        )
        for output, key, width, height in found
    )


def _picture(uri: str, note: str) -> Picture:
    return Picture(uri, text.cut(uri.rstrip("/").rpartition("/")[2], 60), note)
