"""What another format would save, measured on images that the run converted, or else on a few that its tasks convert."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mrimage.report import text
from mrimage.report.figures.figures import Insight
from mrimage.report.tables.views import Tables, open_tables

WASTEFUL = ("bmp", "tiff", "ppm", "tga")
"""Formats that are usually stored without compression."""

SAMPLE = 3
"""The fewest images on which a saving is measured."""

WEIGHED = 5
"""Images of each format that tasks convert for the measurement."""

MOST_PIXELS = 4_000_000
ALL_PIXELS = 12_000_000
"""The most pixels of one such image, and of all of them: a second or two of work in all."""

WORTH_BYTES = 1_000_000
"""A format that holds less than this is not worth weighing."""

_LISTED = ", ".join(f"'{name}'" for name in WASTEFUL)
_CONVERTED = f"""SELECT i.format, regexp_extract(o.output, '([a-z]+)$', 1) AS made, i.size AS before, o.bytes AS after
    FROM outputs o JOIN single i USING (uri) WHERE o.width = i.width AND o.height = i.height
    AND i.format IN ({_LISTED}) AND regexp_matches(o.output, '\\.(webp|avif|jpg)$')"""
_WEIGHED = """SELECT i.format, 'webp' AS made, i.size AS before, t.webp AS after
    FROM thumbnails t JOIN single i USING (uri) WHERE t.webp IS NOT NULL"""


def choose_conversion_samples(results: Path) -> list[str]:
    """Uris of images to weigh: some of each wasteful format, of which this run has not converted enough."""
    with open_tables(results) as tables:
        if not tables.has("format", "width", "height"):
            return []
        _make_single(tables)
        found = tables.rows(
            f"""WITH known AS (SELECT format FROM ({_CONVERTED}) GROUP BY format HAVING count(*) >= {SAMPLE}),
            heavy AS (SELECT format FROM single WHERE format IN ({_LISTED}) AND format NOT IN (FROM known)
                GROUP BY format HAVING count(*) >= {SAMPLE} AND sum(size) >= {WORTH_BYTES}),
            chosen AS (SELECT uri, pixels, hash(uri) AS chance,
                    row_number() OVER (PARTITION BY format ORDER BY hash(uri), uri) AS turn
                FROM single WHERE pixels BETWEEN 1 AND {MOST_PIXELS} AND format IN (FROM heavy)
                QUALIFY turn <= {WEIGHED})
            SELECT uri FROM chosen QUALIFY sum(pixels) OVER (ORDER BY turn, chance, uri) <= {ALL_PIXELS}
            ORDER BY turn, chance, uri"""
        )
    return [uri for (uri,) in found]


def find_savings(tables: Tables) -> Iterator[Insight]:
    """For each wasteful format with a sample: what its images would save in the format that it was measured in."""
    if not tables.has("format", "width", "height"):
        return
    _make_single(tables)
    weighed = f" UNION ALL {_WEIGHED}" if "webp" in tables.columns_of("thumbnails") else ""
    measured = tables.rows(
        f"SELECT format, made, count(*), sum(before)::BIGINT, sum(after)::BIGINT FROM ({_CONVERTED}{weighed}) "
        f"GROUP BY ALL HAVING count(*) >= {SAMPLE} ORDER BY 3 DESC, 1, 2"
    )
    reported: set[str] = set()
    for name, made, sample, before, after in measured:
        images, size = tables.row(
            "SELECT count(*), sum(size)::BIGINT FROM single WHERE format = ?", [name]
        )
        every = tables.row("SELECT count(*) FROM image WHERE format = ?", [name])[0]
        saved = size * (1 - after / before)
        if saved <= 0 or name in reported:
            continue
        reported.add(name)
        measured_on = "all of them" if sample >= images else f"{text.number(sample)} of them"
        words = (
            f"Converting {_of(images, every, f'{_written(name)} file')} to {_written(made)} would save about "
            f"{text.size(saved)} of {text.size(size)}, measured on {measured_on}."
        )
        rule = (
            "The share that conversion saves, times all bytes of the format. The share is measured on the images that "
            "this run converted at their full size, or else on a few that it converted to lossy WebP at quality 80. "
            "Files with several pages or more than 8 bits a sample do not count."
        )
        encoder = "jpeg" if made == "jpg" else made
        advice = f"--format {encoder} converts {'it' if images == 1 else 'them'}."
        sql = (
            f"SELECT uri, size, width, height FROM image WHERE format = '{name}' AND {_single(tables)} "
            "ORDER BY size DESC, uri"
        )
        yield Insight(f"savings_{name}", "notice", words, advice, rule, sql, images, "images")


def _make_single(tables: Tables) -> None:
    """The view ``single``: images of one page and 8 bits, because other formats keep no more than that."""
    tables.connection.execute(
        f"CREATE TEMP VIEW single AS SELECT * FROM image WHERE {_single(tables)}"
    )


def _single(tables: Tables) -> str:
    limits = {"frames": "coalesce(frames, 1) = 1", "bit_depth": "coalesce(bit_depth, 8) <= 8"}
    return " AND ".join([limit for column, limit in limits.items() if tables.has(column)]) or "true"


def _of(images: int, every: int, noun: str) -> str:
    if images == every:
        return f"the {text.plural(images, noun)}"
    return f"{text.number(images)} of {text.plural(every, noun)}"


def _written(name: str) -> str:
    """A format's name as its makers write it."""
    return {"webp": "lossy WebP", "avif": "lossy AVIF", "jpg": "JPEG"}.get(name, name.upper())
