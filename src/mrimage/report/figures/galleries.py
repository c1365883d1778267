"""Chooses which pictures the page shows, and why.

The same choice decides which thumbnails a run makes and how the page lays them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mrimage.report import text
from mrimage.report.figures.figures import Galleries, Gallery, Pair, Picture
from mrimage.report.figures.prices import MAX_COST, TOO_LARGE, make_priced_view
from mrimage.report.tables.views import Tables

PictureKind = Literal[
    "typical", "before", "after", "sheet", "finding", "copy", "group", "extreme", "map"
]
"""What the page shows a picture for. Those of the kinds "after" and "sheet" are outputs."""

REPRESENTATIVES = 24
"""Groups that get a picture in the table of groups: the largest ones."""

GROUP_GALLERIES = 6
"""Groups that get a gallery: the largest ones."""

GROUP_EXAMPLES = 12
"""The most images that a group opens to."""

GROUP_PICTURES = 5
"""The most pictures in the gallery of a group."""

PAIRS = 6
"""The most pairs of a source and its output."""

SHEETS = 6
"""The most pictures that reducers made of whole groups."""

EXTREME_PICTURES = 5
"""The most pictures in the gallery of an extreme."""

TYPICAL = 12
"""The most pictures in the strip at the top of the page."""

CANDIDATES = 40
"""Images to choose each picture of an extreme from.

With enough of them, a burst of similar shots takes up one picture, and not all of them.
"""

ALIKE_BITS = 10
"""Bits of 64 in which the perceptual hashes of two pictures that look alike may differ."""

_PICTURE_FILES = "regexp_matches(lower(output), '\\.(jpe?g|png|webp|avif|tiff?|gif)$')"
"""SQL condition on outputs that a thumbnail can be made of."""


@dataclass(frozen=True, slots=True)
class Extreme:
    """A gallery of the images that come first in ``order``.

    ``order`` and ``note``, the caption, are SQL over the columns ``needs``. A gallery of ``opaque``
    images has none with an alpha channel, whose hidden pixels would count.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    order: str
    note: str
    opaque: bool = False


_SIZE_NOTE = "width || ' × ' || height"
_LUMA_NOTE = "'luma ' || format('{:.2f}', brightness)"

EXTREMES = (
    Extreme(
        name="largest",
        title="Most pixels",
        needs=("width", "height"),
        order="pixels DESC",
        note=_SIZE_NOTE,
    ),
    Extreme(
        name="smallest",
        title="Fewest pixels",
        needs=("width", "height"),
        order="pixels",
        note=_SIZE_NOTE,
    ),
    Extreme(
        name="blurriest",
        title="Least sharp",
        needs=("sharpness",),
        order="sharpness",
        note="'sharpness ' || format('{:.1f}', sharpness)",
    ),
    Extreme(
        name="darkest",
        title="Darkest",
        needs=("brightness",),
        order="brightness",
        note=_LUMA_NOTE,
        opaque=True,
    ),
    Extreme(
        name="brightest",
        title="Brightest",
        needs=("brightness",),
        order="brightness DESC",
        note=_LUMA_NOTE,
        opaque=True,
    ),
    Extreme(
        name="colorful",
        title="Most colorful",
        needs=("colorfulness",),
        order="colorfulness DESC",
        note="'colorfulness ' || format('{:.0f}', colorfulness)",
    ),
    Extreme(
        name="elongated",
        title="Longest and thinnest",
        needs=("width", "height"),
        order="greatest(width, height)::DOUBLE / least(width, height) DESC",
        note=_SIZE_NOTE,
    ),
)
"""The galleries of extremes, in the order of the page."""

EMPTY = Galleries((), (), (), ())
"""No pictures: a run with --no-thumbnails."""


def select(tables: Tables) -> tuple[Galleries, dict[str, tuple[str, ...]]]:
    """Return all pictures worth showing, and the uris of some images of each of the largest keys.

    The first image of a key is a typical one.
    """
    sheets = _sheets(tables)
    if not make_priced_view(tables):
        return replace(EMPTY, sheets=sheets), {}
    examples, groups = _groups(tables)
    pairs = _pairs(tables, list(examples))
    found = Galleries(
        _extremes(tables), pairs, sheets, groups, _typical(tables), _corrected(tables)
    )
    return found, examples


def most_useful(
    galleries: Galleries, examples: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, PictureKind]]:
    """Yield the uri or output path of each picture that a page should not lack, and its kind."""
    for picture in galleries.typical:
        yield picture.uri, "typical"
    for pair in (*galleries.corrected, *galleries.pairs):
        yield pair.before.uri, "before"
        yield pair.after.uri, "after"
    for picture in galleries.sheets:
        yield picture.uri, "sheet"
    for uris in examples.values():
        yield uris[0], "group"


def less_useful(
    galleries: Galleries, examples: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, PictureKind]]:
    """Yield the same of the extremes and of the other pictures of groups, the most useful first."""
    for gallery in galleries.extremes:
        for picture in gallery.pictures:
            if not picture.unseen:
                yield picture.uri, "extreme"
    for uris in examples.values():
        for uri in uris[:GROUP_PICTURES]:
            yield uri, "group"


def only_available(galleries: Galleries, available: frozenset[str]) -> Galleries:
    """Return the galleries without the pictures whose uri is not in ``available``."""
    return Galleries(
        extremes=_not_empty(galleries.extremes, available),
        pairs=_whole_pairs(galleries.pairs, available),
        sheets=_only(galleries.sheets, available),
        groups=_not_empty(galleries.groups, available),
        typical=_only(galleries.typical, available),
        corrected=_whole_pairs(galleries.corrected, available),
    )


def _whole_pairs(pairs: Sequence[Pair], available: frozenset[str]) -> tuple[Pair, ...]:
    """Return the pairs of which both pictures are available."""
    return tuple(
        pair for pair in pairs if pair.before.uri in available and pair.after.uri in available
    )


def _not_empty(galleries: Sequence[Gallery], available: frozenset[str]) -> tuple[Gallery, ...]:
    """Return the galleries with available pictures, without all others."""
    kept = []
    for gallery in galleries:
        pictures = only_seen(gallery.pictures, available)
        if pictures:
            kept.append(replace(gallery, pictures=pictures))
    return tuple(kept)


def _only(pictures: Sequence[Picture], available: frozenset[str]) -> tuple[Picture, ...]:
    return tuple(picture for picture in pictures if picture.uri in available)


def only_seen(pictures: Sequence[Picture], available: frozenset[str]) -> tuple[Picture, ...]:
    """Return the pictures that are available, and the frames of those that were never to be made."""
    return tuple(one for one in pictures if one.unseen or one.uri in available)


def _typical(tables: Tables) -> tuple[Picture, ...]:
    """Return a few images picked at random, none of which looks like another.

    The hash of the uri is the chance. Icons, banners and blank images come last.
    """
    odd = "least(width, height) < 160 OR greatest(width, height) > 2.5 * least(width, height)"
    if tables.has("contrast"):
        odd += " OR contrast < 0.08"
    look = "phash" if tables.has("phash") else "NULL"
    found = tables.rows(
        f"SELECT uri, width || ' × ' || height, {look} FROM affordable "
        f"ORDER BY ({odd}), hash(uri), uri LIMIT {TYPICAL * CANDIDATES}"
    )
    chosen = _without_lookalikes(found)[:TYPICAL]
    return tuple(named(uri, note) for uri, note in chosen)


def _extremes(tables: Tables) -> tuple[Gallery, ...]:
    """Return the galleries of extremes.

    There are none if there are so few images that each would be in every gallery.
    """
    images = tables.row("SELECT count(*) FROM priced")[0]
    if images <= EXTREME_PICTURES:
        return ()
    known = [extreme for extreme in EXTREMES if tables.has(*extreme.needs)]
    # One query for all, because a query takes milliseconds even on an empty catalogue.
    found = tables.rows(
        " UNION ALL ".join(
            f"({_first_of(tables, extreme, place)})" for place, extreme in enumerate(known)
        )
        + " ORDER BY gallery, turn"
    )
    galleries = []
    for place, extreme in enumerate(known):
        rows = [row for row in found if row[0] == place]
        pictures = _extreme_pictures(rows)
        if pictures:
            galleries.append(Gallery(extreme.name, extreme.title, pictures))
    return tuple(galleries)


def _extreme_pictures(rows: Sequence[tuple[Any, ...]]) -> tuple[Picture, ...]:
    """Return the pictures of an extreme, of the rows of its query."""
    cheap = {uri: is_cheap for _, _, uri, _, _, is_cheap in rows}
    chosen = _without_lookalikes([(uri, note, look) for _, _, uri, note, look, _ in rows])
    return tuple(
        named(uri, note, "" if cheap[uri] else TOO_LARGE) for uri, note in chosen[:EXTREME_PICTURES]
    )


def _first_of(tables: Tables, extreme: Extreme, place: int) -> str:
    """Return the query for the candidates of an extreme, the ``place``-th gallery."""
    look = "phash" if tables.has("phash") else "NULL::VARCHAR"
    condition = f"{extreme.needs[0]} IS NOT NULL"
    if extreme.opaque and tables.has("has_alpha"):
        condition += " AND NOT coalesce(has_alpha, false)"
    return (
        f"SELECT {place} AS gallery, row_number() OVER (ORDER BY {extreme.order}, uri) AS turn, "
        f"uri, {extreme.note} AS note, {look} AS look, cost <= {MAX_COST} AS is_cheap "
        f"FROM priced WHERE {condition} ORDER BY turn LIMIT {EXTREME_PICTURES * CANDIDATES}"
    )


def _without_lookalikes(found: Sequence[tuple[str, str, str | None]]) -> list[tuple[str, str]]:
    """Return the uris and notes of the images that do not look like an earlier one.

    ``found`` has uris, notes and perceptual hashes: 16 hexadecimal digits, or None if unknown.
    """
    kept: list[tuple[str, str]] = []
    hashes: list[int] = []
    for uri, note, phash in found:
        if phash:
            bits = int(phash, 16)
            if any((bits ^ other).bit_count() <= ALIKE_BITS for other in hashes):
                continue
            hashes.append(bits)
        kept.append((uri, note))
    return kept


def _groups(tables: Tables) -> tuple[dict[str, tuple[str, ...]], tuple[Gallery, ...]]:
    """Return the uris of some images by key, and a gallery of each of the largest keys.

    The typical image is nearest to the median size of its group (and brightness, if known); among
    equally near ones it is the cheapest to decode. A key begins with it, and goes on with a few
    images picked at random. The hash of the uri is the chance: the same run shows the same images.
    """
    brightness = ""
    if tables.has("brightness"):
        brightness = " + abs(brightness - median(brightness) OVER w) / 64"
    found = tables.rows(
        f"""WITH largest AS (
            SELECT key, row_number() OVER (ORDER BY images DESC, key) AS place
            FROM groups WHERE key IS NOT NULL ORDER BY place LIMIT {REPRESENTATIVES}
        ), member AS (
            SELECT DISTINCT key, uri FROM {tables.membership}
            WHERE uri IS NOT NULL AND key IN (SELECT key FROM largest)
        ), measured AS (
            SELECT key, uri, width, height, cost, hash(uri) AS chance,
                   abs(log2(pixels) - median(log2(pixels)) OVER w){brightness} AS distance
            FROM affordable JOIN member USING (uri) WINDOW w AS (PARTITION BY key)
        ), ranked AS (
            SELECT *, row_number() OVER (
                PARTITION BY key ORDER BY round(distance, 1), cost, uri) AS typical
            FROM measured
        )
        SELECT key, uri, width, height, typical FROM ranked JOIN largest USING (key)
        QUALIFY row_number() OVER (
            PARTITION BY key ORDER BY typical > 1, chance, uri) <= {GROUP_EXAMPLES}
        ORDER BY place, typical > 1, chance, uri"""
    )
    examples: dict[str, tuple[str, ...]] = {}
    for key, uri, *_ in found:
        examples[key] = (*examples.get(key, ()), uri)
    galleries = []
    for key in list(examples)[:GROUP_GALLERIES]:
        members = [row for row in found if row[0] == key][:GROUP_PICTURES]
        pictures = tuple(named(uri, f"{width} × {height}") for _, uri, width, height, _ in members)
        if len(pictures) > 1:
            name = text.cut(key, 80)
            galleries.append(Gallery(name, name, pictures))
    return examples, tuple(galleries)


def _pairs(tables: Tables, keys: Sequence[str]) -> tuple[Pair, ...]:
    """Return pairs of a source and its output, from each of ``keys`` in turn, at most PAIRS.

    Outputs of another size than their source come first, because there is more to see.
    """
    if not tables.has_outputs:
        return ()
    found = tables.rows(
        f"""WITH pair AS (
            SELECT key, uri, output, o.width AS w, o.height AS h, o.bytes AS b,
                   i.width, i.height, i.size, i.format,
                   row_number() OVER (
                       PARTITION BY key ORDER BY (i.width = o.width AND i.height = o.height),
                       round(cost, 1), hash(uri), uri, output) AS turn
            FROM outputs o JOIN affordable i USING (uri)
            WHERE {_PICTURE_FILES} AND o.width IS NOT NULL AND list_contains(?, key)
            QUALIFY turn <= {PAIRS}
        )
        SELECT uri, output, format, width, height, size, w, h, b FROM pair
        ORDER BY turn, list_position(?, key), uri, output LIMIT {PAIRS}""",
        [list(keys), list(keys)],
    )
    pairs = []
    for uri, output, format_, width, height, size, new_width, new_height, new_size in found:
        suffix = output.rpartition(".")[2].lower()
        before = f"{format_} · {width} × {height} · {text.size(size)}"
        after = f"{suffix} · {new_width} × {new_height} · {text.size(new_size)}"
        pair = Pair(named(uri, before), named(output, after), _change(size, new_size))
        pairs.append(pair)
    return tuple(pairs)


def _corrected(tables: Tables) -> tuple[Pair, ...]:
    """Return the images that group corrections changed most, of different groups first."""
    if not tables.wrote("corrected"):
        return ()
    found = tables.rows(
        f"""WITH moved AS (
            SELECT c.*, o.output, sqrt(pow(lightness_after - lightness_before, 2)
                + pow(a_after - a_before, 2) + pow(b_after - b_before, 2)) AS distance,
            FROM corrected c JOIN outputs o USING (key, uri) JOIN affordable USING (uri)
            WHERE {_PICTURE_FILES}
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY key ORDER BY distance DESC, uri) AS turn
            FROM moved
        )
        SELECT uri, output, key, lightness_before, lightness_after, distance FROM ranked
        ORDER BY turn, distance DESC, uri LIMIT {PAIRS}"""
    )
    pairs = []
    for uri, output, key, before, after, distance in found:
        change = f"{text.cut(key, 80)}: mean color changed by {distance:.1f} in Lab"
        was = named(uri, f"mean L* {before:.1f}")
        pairs.append(Pair(was, named(output, f"mean L* {after:.1f}"), change))
    return tuple(pairs)


def _change(before: int, after: int) -> str:
    """Return in words how the bytes of an image changed."""
    change = "larger"
    if after and before >= after:
        change = f"{before / after:.1f} times smaller"
    return f"{text.size(before)} to {text.size(after)}: {change}"


def _sheets(tables: Tables) -> tuple[Picture, ...]:
    """Return the pictures that group reducers made of the largest groups."""
    if not tables.has_outputs:
        return ()
    found = tables.rows(
        f"""SELECT output, key, width, height FROM outputs LEFT JOIN groups USING (key)
        WHERE outputs.uri IS NULL AND {_PICTURE_FILES}
        ORDER BY images DESC NULLS LAST, key, output LIMIT {SHEETS}"""
    )
    pictures = []
    for output, key, width, height in found:
        note = text.cut(_file_name(output), 40)
        if width:
            note += f" · {width} × {height}"
        pictures.append(Picture(output, text.cut(key, 80), note))
    return tuple(pictures)


def named(uri: str, note: str, unseen: str = "") -> Picture:
    """Return a picture whose title is the name of its file."""
    return Picture(uri, text.cut(_file_name(uri.rstrip("/")), 60), note, unseen)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]
