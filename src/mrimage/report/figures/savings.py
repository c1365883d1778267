"""What another format would save.

It is measured on the images that the run converted, or else on a few samples that tasks convert.
"""

from __future__ import annotations

from collections.abc import Iterator

from mrimage.report import text
from mrimage.report.figures.figures import Insight
from mrimage.report.tables.views import Tables

WASTEFUL = ("bmp", "tiff", "ppm", "tga")
"""Formats that are usually stored without compression."""

ENOUGH = 3
"""The fewest images on which a saving is measured."""

SAMPLES = 5
"""The most samples of each format."""

MOST_PIXELS = 4_000_000
"""The most pixels of a sample."""

ALL_PIXELS = 12_000_000
"""The most pixels of all samples together: a second or two of work."""

WORTH_BYTES = 1_000_000
"""The fewest bytes of a format whose saving is worth measuring."""

_LISTED = ", ".join(f"'{name}'" for name in WASTEFUL)

_CONVERTED = f"""SELECT i.format, regexp_extract(o.output, '([a-z]+)$', 1) AS made,
        i.size AS before, o.bytes AS after
    FROM outputs o JOIN single i USING (uri) WHERE o.width = i.width AND o.height = i.height
    AND i.format IN ({_LISTED}) AND regexp_matches(o.output, '\\.(webp|avif|jpg)$')"""
"""Images that the run converted at their full size, with their bytes before and after."""

_SAMPLED = """SELECT i.format, 'webp' AS made, i.size AS before, t.webp AS after
    FROM thumbnails t JOIN single i USING (uri) WHERE t.webp IS NOT NULL"""
"""Samples that tasks converted, with their bytes before and after."""

_RULE = (
    "The share that conversion saves, times all bytes of the format. The share is measured on the "
    "images that this run converted at their full size, or else on a few that it converted to "
    "lossy WebP at quality 80. Files with several pages or more than 8 bits a sample do not count."
)

_NAMES = {"webp": "lossy WebP", "avif": "lossy AVIF", "jpg": "JPEG"}
"""Formats that are not called by their extension in capitals."""


def choose_conversion_samples(tables: Tables) -> list[str]:
    """Return the uris of images to convert for the measurement.

    They are a few images of each wasteful format with many bytes, unless the run has converted
    enough images of that format.
    """
    if not _may_waste(tables):
        return []
    _make_single_view(tables)
    # Chance is the hash of the uri, so that a repeated report chooses the same images.
    found = tables.rows(
        f"""WITH known AS (
            SELECT format FROM ({_CONVERTED}) GROUP BY format HAVING count(*) >= {ENOUGH}),
        heavy AS (
            SELECT format FROM single
            WHERE format IN ({_LISTED}) AND format NOT IN (FROM known)
            GROUP BY format HAVING count(*) >= {ENOUGH} AND sum(size) >= {WORTH_BYTES}),
        chosen AS (
            SELECT uri, pixels, hash(uri) AS chance,
                row_number() OVER (PARTITION BY format ORDER BY hash(uri), uri) AS turn
            FROM single WHERE pixels BETWEEN 1 AND {MOST_PIXELS} AND format IN (FROM heavy)
            QUALIFY turn <= {SAMPLES})
        SELECT uri FROM chosen
        QUALIFY sum(pixels) OVER (ORDER BY turn, chance, uri) <= {ALL_PIXELS}
        ORDER BY turn, chance, uri"""
    )
    return [uri for (uri,) in found]


def _may_waste(tables: Tables) -> bool:
    """Whether there are images in a wasteful format, with the columns that measure them."""
    return tables.has("width", "height") and not tables.formats.isdisjoint(WASTEFUL)


def find_savings(tables: Tables) -> Iterator[Insight]:
    """Yield a finding for each wasteful format: what conversion of its images would save."""
    if not _may_waste(tables):
        return
    _make_single_view(tables)
    measured = _CONVERTED
    if "webp" in tables.columns_of("thumbnails"):
        measured += f" UNION ALL {_SAMPLED}"
    found = tables.rows(
        "SELECT format, made, count(*), sum(before)::BIGINT, sum(after)::BIGINT "
        f"FROM ({measured}) GROUP BY ALL HAVING count(*) >= {ENOUGH} ORDER BY 3 DESC, 1, 2"
    )
    reported: set[str] = set()
    for name, made, samples, before, after in found:
        # The first measurement of a format is the one on the most images.
        if name not in reported and after < before:
            reported.add(name)
            yield _saving(tables, name, made, samples, 1 - after / before)


def _saving(tables: Tables, name: str, made: str, samples: int, share: float) -> Insight:
    """Return the finding on the format ``name``.

    ``made`` is the extension of the other format. It saves ``share`` (0..1) of the bytes, as
    measured on that many ``samples``.
    """
    images, size = tables.row(
        "SELECT count(*), sum(size)::BIGINT FROM single WHERE format = ?", [name]
    )
    total = tables.row("SELECT count(*) FROM image WHERE format = ?", [name])[0]
    files = _of(images, total, f"{_shown(name)} file")
    saved = text.size(size * share)
    measured_on = "all of them" if samples >= images else f"{text.number(samples)} of them"
    encoder = "jpeg" if made == "jpg" else made
    them = "it" if images == 1 else "them"
    return Insight(
        name=f"savings_{name}",
        level="notice",
        text=f"Converting {files} to {_shown(made)} would save about {saved} of {text.size(size)}, "
        f"measured on {measured_on}.",
        next=f"--format {encoder} converts {them}.",
        rule=_RULE,
        sql=f"SELECT uri, size, width, height FROM image WHERE format = '{name}' "
        f"AND {_single(tables)} ORDER BY size DESC, uri",
        count=images,
        counts="images",
    )


def _make_single_view(tables: Tables) -> None:
    """Make the view ``single``: images of one page and 8 bits.

    The formats to convert to keep no more than that.
    """
    tables.connection.execute(
        f"CREATE TEMP VIEW IF NOT EXISTS single AS SELECT * FROM image WHERE {_single(tables)}"
    )


def _single(tables: Tables) -> str:
    """Return the SQL condition for images of one page and 8 bits, over the columns that exist."""
    conditions = []
    if tables.has("frames"):
        conditions.append("coalesce(frames, 1) = 1")
    if tables.has("bit_depth"):
        conditions.append("coalesce(bit_depth, 8) <= 8")
    return " AND ".join(conditions) or "true"


def _of(images: int, total: int, noun: str) -> str:
    if images == total:
        return f"the {text.plural(images, noun)}"
    return f"{text.number(images)} of {text.plural(total, noun)}"


def _shown(name: str) -> str:
    """Return the usual name of a format or an extension."""
    return _NAMES.get(name, name.upper())
