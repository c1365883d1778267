"""Counts the images by each Measure: by its frequent values, or in bins of a number.

Each count is also made within the largest groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mrimage.report import text
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.measures import MEASURES, Measure
from mrimage.report.tables.views import Tables

CATEGORY_LIMIT = 9
"""The most bars of a distribution of names. One more bar has all other values."""

EXAMPLES = 6
"""The most images that a bar opens to."""

EXAMPLE_POOL = 100_000
"""About how many images these are chosen from, if there are more."""

HEAVY_COLUMNS = frozenset(
    {"version", "reason", "phash", "sha256", "dominant_colors", "descriptor", "embedding"}
)
"""Columns that no chart counts, and that would make copies of the catalogue large."""

OTHER = "other values"
"""The label of that bar."""

LINEAR_BINS = 24
"""The most bins of a linear scale."""

GAPS_LIMIT = 80
"""Empty bins are shown only if the chart has fewer bins than this."""

PERIODS_LIMIT = 200
"""The most days, months or years of a timeline: the latest ones."""

# A timeline has bars for days up to two months, and for months up to eight years.
DAYS_OF_DAYS = 62
DAYS_OF_MONTHS = 8 * 366

_DATE_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_SECONDS = {"day": 86_400.0, "month": 30.44 * 86_400, "year": 365.25 * 86_400}

Edge = Callable[[int], float]
"""Gives the lower edge of a bin."""


@dataclass(frozen=True, slots=True)
class _Bins:
    """Images and bytes by bin, the images without a value, and the query that counted them."""

    sql: str
    missing: int
    counted: Mapping[Any, tuple[int, int]]


def count_all(tables: Tables, filters: Sequence[str]) -> tuple[Distribution, ...]:
    """Count by every Measure whose columns the catalogue has and that has a value for an image.

    ``filters`` are the keys of the table ``grouped``, in the order of its column ``g``.
    """
    _make_pool(tables)
    distributions = []
    for measure in MEASURES:
        if not tables.has(*measure.needs):
            continue
        distribution = _count(tables, measure, filters)
        if any(bar.label for bar in distribution.bars):
            distributions.append(distribution)
    return tuple(distributions)


def _count(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    if measure.scale == "category":
        return _categories(tables, measure, filters)
    if measure.scale == "time":
        return _timeline(tables, measure, filters)
    return _histogram(tables, measure, filters)


def _histogram(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    """Count in bins of a number."""
    value, edge = _binning(tables, measure)
    bins = _count_bins(tables, value)
    numbers = _without_gaps(list(bins.counted))
    examples = _examples(tables, value)
    bars = []
    for number in numbers:
        images, size = bins.counted.get(number, (0, 0))
        low = edge(number)
        high = edge(number + 1)
        label = _range(low, high, measure.unit)
        bars.append(Bar(label, images, size, low, high, examples.get(number, ())))
    places = {number: place for place, number in enumerate(numbers)}
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="histogram",
        about=measure.about,
        sql=bins.sql,
        bars=tuple(bars),
        missing=bins.missing,
        same=_only_value(tables, measure) if len(bars) == 1 else "",
        groups=_by_group(tables, value, places, len(bars), None, filters),
    )


def _only_value(tables: Tables, measure: Measure) -> str:
    """Return the value that all images share, or "" if there are two."""
    low, high = _extent(tables, measure)
    if low is None or low != high:
        return ""
    return _amount(low, measure.unit)


def _extent(tables: Tables, measure: Measure) -> tuple[Any, Any]:
    """Return the smallest and the largest value, both None if no image has one."""
    value = measure.expression
    low, high = tables.row(f"SELECT min({value}), max({value}) FROM image")
    return low, high


def _timeline(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    """Count by days, months or years, whichever makes a readable chart."""
    period = _period(*_extent(tables, measure))
    value = f"date_trunc('{period}', {measure.expression})::TIMESTAMP"
    bins = _count_bins(tables, value)
    starts = sorted(bins.counted)[-PERIODS_LIMIT:]
    examples = _examples(tables, value)
    bars = []
    for start in starts:
        images, size = bins.counted[start]
        label = start.strftime(_DATE_FORMATS[period])
        low = _epoch(start)
        high = low + _SECONDS[period]
        bars.append(Bar(label, images, size, low, high, examples.get(start, ())))
    places = {start: place for place, start in enumerate(starts)}
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="timeline",
        about=measure.about,
        sql=bins.sql,
        bars=tuple(bars),
        missing=bins.missing,
        groups=_by_group(tables, value, places, len(bars), None, filters),
    )


def _period(first: datetime | None, last: datetime | None) -> str:
    days = 0
    if first is not None and last is not None:
        days = (last - first).days
    if days <= DAYS_OF_DAYS:
        return "day"
    if days <= DAYS_OF_MONTHS:
        return "month"
    return "year"


def _epoch(moment: datetime) -> float:
    """Return the seconds since 1970. Dates in EXIF have no time zone, so none is used here."""
    return (moment - datetime(1970, 1, 1)).total_seconds()


def _count_bins(tables: Tables, value: str) -> _Bins:
    """Count the images and bytes for each result of the SQL expression ``value``."""
    sql = (
        f"SELECT {value} AS bin, count(*) AS images, sum(size)::BIGINT AS bytes "
        "FROM image GROUP BY ALL ORDER BY bin"
    )
    missing = 0
    counted: dict[Any, tuple[int, int]] = {}
    for number, images, size in tables.rows(sql):
        if number is None:
            missing += images
        else:
            counted[number] = (images, size or 0)
    return _Bins(sql, missing, counted)


def _categories(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    """Count by the most frequent values, and all other values together."""
    sql = (
        f"SELECT {measure.expression} AS label, count(*) AS images, sum(size)::BIGINT AS bytes "
        "FROM image GROUP BY ALL ORDER BY images DESC, label"
    )
    found = tables.rows(
        "SELECT *, count(*) OVER (), sum(images) OVER (), sum(bytes) OVER () "
        f"FROM ({sql}) WHERE label IS NOT NULL "
        f"ORDER BY images DESC, label LIMIT {CATEGORY_LIMIT}"
    )
    labels = text.unique(text.cut(row[0], 60) for row in found)
    examples = _examples(tables, measure.expression)
    bars = [
        Bar(label, row[1], int(row[2] or 0), examples=examples.get(row[0], ()))
        for label, row in zip(labels, found, strict=True)
    ]
    counted = 0
    folded = 0
    rest = None
    if found:
        distinct, images, size = found[0][3:6]
        counted = int(images)
        folded = distinct - len(bars)
        if folded:
            rest = len(bars)
            bars.append(_rest(bars, counted, int(size or 0)))
    total = tables.row("SELECT count(*) FROM image")[0]
    places = {row[0]: place for place, row in enumerate(found)}
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="category",
        about=measure.about,
        sql=sql,
        bars=tuple(bars),
        missing=total - counted,
        folded=folded,
        groups=_by_group(tables, measure.expression, places, len(bars), rest, filters),
    )


def _make_pool(tables: Tables) -> None:
    """Make the table ``pool``: the images that bars open to, with their ``rank``.

    Those with a thumbnail come first. The hash of the uri is the chance: with many images, the pool
    is a sample of about EXAMPLE_POOL of them, so that it costs the same for any source.
    """
    pictured = "uri IN (SELECT uri FROM thumbnails WHERE width IS NOT NULL)"
    step = -(-tables.row("SELECT count(*) FROM image")[0] // EXAMPLE_POOL)
    excluded = ", ".join(sorted(tables.columns & HEAVY_COLUMNS))
    tables.connection.execute(
        f"""CREATE TEMP TABLE IF NOT EXISTS pool AS SELECT * EXCLUDE ({excluded}),
            (hash(uri) >> 2)::BIGINT + if({pictured}, 0, {1 << 62}) AS rank
        FROM image WHERE hash(uri) % {max(1, step)} = 0 OR {pictured}"""
    )


def _examples(tables: Tables, value: str) -> dict[Any, tuple[str, ...]]:
    """Return the uris of some images for each result of the SQL expression ``value``."""
    found = tables.rows(
        f"SELECT bin, min_by(uri, rank, {EXAMPLES}) FROM "
        f"(SELECT {value} AS bin, uri, rank FROM pool) WHERE bin IS NOT NULL GROUP BY bin"
    )
    return {number: tuple(uris) for number, uris in found}


def _rest(bars: Sequence[Bar], images: int, size: int) -> Bar:
    """Return the bar of all other values, where ``images`` and ``size`` are of all values."""
    other_images = images - sum(bar.images for bar in bars)
    other_bytes = size - sum(bar.bytes for bar in bars)
    return Bar(OTHER, other_images, other_bytes)


def _by_group(
    tables: Tables,
    value: str,
    places: Mapping[Any, int],
    width: int,
    rest: int | None,
    filters: Sequence[str],
) -> dict[str, tuple[int, ...]]:
    """Count within each group, by key: a number of images for each of the ``width`` bars.

    ``places`` gives the bar of a result of the SQL expression ``value``. A result without a bar is
    counted in the bar ``rest``, or not at all if that is None.
    """
    if not filters:
        return {}
    counts = [[0] * width for _ in filters]
    found = tables.rows(f"SELECT g, {value} AS label, count(*) FROM grouped GROUP BY ALL")
    for group, label, images in found:
        place = places.get(label, rest)
        if place is not None and label is not None:
            counts[group][place] += images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}


def _binning(tables: Tables, measure: Measure) -> tuple[str, Edge]:
    """Return the SQL that gives an image its bin, and the function that gives a bin its edge."""
    value = measure.expression
    if measure.scale == "decade":
        return f"decade_bin({value})", _decade_edge
    if measure.scale == "octave":
        anchor = measure.anchor
        step = measure.step
        octave_bin = f"floor(log2({value} / {anchor}) * {step})::INTEGER"
        return octave_bin, lambda number: anchor * 2.0 ** (number / step)
    width = nice_step(*_extent(tables, measure))
    # A value on an edge belongs to the bin that begins there, whatever the quotient's last digit.
    linear_bin = f"floor({value} / {width!r} + 1e-9)::INTEGER"
    return linear_bin, lambda number: round(number * width, 12)


def _decade_edge(number: int) -> float:
    """Return where the bin ``number`` of the SQL macro ``decade_bin`` begins."""
    power, place = divmod(number, 3)
    return (1.0, 2.0, 5.0)[place] * 10.0**power


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return text.size(value)
    if not unit:
        return text.short(value)
    return f"{text.short(value)}\u00a0{unit}"


def _range(low: float, high: float, unit: str) -> str:
    if unit == "bytes":
        return f"{text.size(low)} to {text.size(high)}"
    if unit == "MP" and high < 0.01:
        return f"{text.short(low * 1e6)} to {text.short(high * 1e6)}\u00a0pixels"
    return f"{text.short(low)} to {_amount(high, unit)}"


def _without_gaps(bins: Sequence[int]) -> list[int]:
    """Return the bins in order, with the empty ones between them unless those are too many."""
    if not bins:
        return []
    first = min(bins)
    last = max(bins)
    if last - first < GAPS_LIMIT:
        return list(range(first, last + 1))
    return sorted(bins)


def nice_step(low: float | None, high: float | None, bins: int = LINEAR_BINS) -> float:
    """Return a bin width of 1, 2 or 5 times a power of ten.

    It divides ``low`` to ``high`` into at most ``bins`` bins.

    >>> nice_step(0, 255), nice_step(0, 1), nice_step(3, 3)
    (20.0, 0.05, 1.0)
    """
    spread = (high or 0) - (low or 0)
    if not math.isfinite(spread) or spread <= 0:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(spread / bins))
    factor = next(factor for factor in (1, 2, 5, 10) if spread / (factor * magnitude) <= bins)
    return round(factor * magnitude, 12)
