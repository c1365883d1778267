"""Counts the images by each Measure: frequent values, or bins of a number, each also within the largest groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from mrimage.report import text
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.measures import MEASURES, Measure
from mrimage.report.tables.views import Tables

CATEGORY_LIMIT = 9
"""Bars of a distribution of names; the rest is one more bar."""

LINEAR_BINS = 24
OTHER = "other values"

GAPS_LIMIT = 80
TIMELINE_LIMIT = 200

_DATES = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_SECONDS = {"day": 86_400.0, "month": 30.44 * 86_400, "year": 365.25 * 86_400}

Edge = Callable[[int], float]


def count_all(tables: Tables, filters: Sequence[str]) -> tuple[Distribution, ...]:
    """Every Measure that this catalogue can answer, without those that no image has a value for.

    ``filters`` are the keys of the table ``grouped``, in the order of its column ``g``.
    """
    known = (measure for measure in MEASURES if tables.has(*measure.needs))
    counted = (_count(tables, measure, filters) for measure in known)
    return tuple(
        distribution for distribution in counted if any(bar.label for bar in distribution.bars)
    )


def _count(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    if measure.scale == "category":
        return _categories(tables, measure, filters)
    if measure.scale == "time":
        return _timeline(tables, measure, filters)
    value, edge = _binning(tables, measure)
    sql, missing, counted = _bins(tables, value)
    bins = _without_gaps(list(counted))
    bars = tuple(
        Bar(
            _range(edge(bin_), edge(bin_ + 1), measure.unit),
            *counted.get(bin_, (0, 0)),
            edge(bin_),
            edge(bin_ + 1),
        )
        for bin_ in bins
    )
    groups = _by_group(
        tables, value, {bin_: place for place, bin_ in enumerate(bins)}, len(bars), None, filters
    )
    same = _exactly(tables, measure) if len(bars) == 1 else ""
    return Distribution(
        measure.name, measure.title, "histogram", measure.about, sql, bars, missing, 0, same, groups
    )


def _exactly(tables: Tables, measure: Measure) -> str:
    """The value that all images share, if they do."""
    low, high = _extent(tables, measure)
    return _amount(low, measure.unit) if low is not None and low == high else ""


def _extent(tables: Tables, measure: Measure) -> tuple[float | None, float | None]:
    low, high = tables.row(
        f"SELECT min({measure.expression}), max({measure.expression}) FROM image"
    )
    return low, high


def _timeline(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    """Days, months or years, whichever gives a chart that can be read."""
    first, last = tables.row(
        f"SELECT min({measure.expression}), max({measure.expression}) FROM image"
    )
    days = (last - first).days if first is not None else 0
    part = "day" if days <= 62 else "month" if days <= 366 * 8 else "year"
    value = f"date_trunc('{part}', {measure.expression})::TIMESTAMP"
    sql, missing, counted = _bins(tables, value)
    bars = tuple(
        Bar(
            start.strftime(_DATES[part]),
            images,
            size,
            _epoch(start),
            _epoch(start) + _SECONDS[part],
        )
        for start, (images, size) in sorted(counted.items())[-TIMELINE_LIMIT:]
    )
    places = {start: place for place, start in enumerate(sorted(counted)[-TIMELINE_LIMIT:])}
    groups = _by_group(tables, value, places, len(bars), None, filters)
    return Distribution(
        measure.name, measure.title, "timeline", measure.about, sql, bars, missing, groups=groups
    )


def _bins(tables: Tables, value: str) -> tuple[str, int, dict[Any, tuple[int, int]]]:
    """The query, the images without a value, and the images and bytes of each bin."""
    sql = f"SELECT {value} AS bin, count(*) AS images, sum(size)::BIGINT AS bytes FROM image GROUP BY ALL ORDER BY bin"
    found = tables.rows(sql)
    missing = sum(images for bin_, images, _ in found if bin_ is None)
    return (
        sql,
        missing,
        {bin_: (images, size or 0) for bin_, images, size in found if bin_ is not None},
    )


def _epoch(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)).total_seconds()


def _categories(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    sql = (
        f"SELECT {measure.expression} AS label, count(*) AS images, sum(size)::BIGINT AS bytes FROM image "
        "GROUP BY ALL ORDER BY images DESC, label"
    )
    every = tables.rows(
        f"SELECT *, count(*) OVER (), sum(images) OVER (), sum(bytes) OVER () FROM ({sql}) WHERE label IS NOT NULL "
        f"ORDER BY images DESC, label LIMIT {CATEGORY_LIMIT}"
    )
    total = tables.row("SELECT count(*) FROM image")[0]
    labels = text.unique(text.cut(row[0], 60) for row in every)
    bars = [Bar(label, row[1], int(row[2] or 0)) for label, row in zip(labels, every, strict=True)]
    counted, size, distinct = (
        (int(every[0][4]), int(every[0][5] or 0), every[0][3]) if every else (0, 0, 0)
    )
    folded = distinct - len(bars)
    if folded:
        bars.append(
            Bar(OTHER, counted - sum(b.images for b in bars), size - sum(b.bytes for b in bars))
        )
    places = {row[0]: place for place, row in enumerate(every)}
    groups = _by_group(
        tables, measure.expression, places, len(bars), len(bars) - 1 if folded else None, filters
    )
    return Distribution(
        measure.name,
        measure.title,
        "category",
        measure.about,
        sql,
        tuple(bars),
        total - counted,
        folded,
        groups=groups,
    )


def _by_group(
    tables: Tables,
    value: str,
    places: dict[object, int],
    width: int,
    rest: int | None,
    filters: Sequence[str],
) -> dict[str, tuple[int, ...]]:
    """Counts of each group, aligned with the bars; a value without a bar goes to ``rest``, or nowhere."""
    if not filters:
        return {}
    counts = [[0] * width for _ in filters]
    for group, label, images in tables.rows(
        f"SELECT g, {value} AS label, count(*) FROM grouped GROUP BY ALL"
    ):
        place = places.get(label, rest)
        if place is not None and label is not None:
            counts[group][place] += images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}


def _binning(tables: Tables, measure: Measure) -> tuple[str, Edge]:
    """The SQL that gives an image its bin, and the function that gives a bin its lower edge."""
    value = measure.expression
    if measure.scale == "decade":
        return f"decade_bin({value})", lambda bin_: (1.0, 2.0, 5.0)[bin_ % 3] * 10.0 ** (bin_ // 3)
    if measure.scale == "octave":
        anchor, step = measure.anchor, measure.step
        return (
            f"floor(log2({value} / {anchor}) * {step})::INTEGER",
            lambda bin_: anchor * 2.0 ** (bin_ / step),
        )
    width = nice_step(*_extent(tables, measure))
    # A value on an edge belongs to the bin that begins there, whatever the quotient's last digit.
    return f"floor({value} / {width!r} + 1e-9)::INTEGER", lambda bin_: round(bin_ * width, 12)


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return text.size(value)
    return text.short(value) + (f"\u00a0{unit}" if unit else "")


def _range(low: float, high: float, unit: str) -> str:
    if unit == "bytes":
        return f"{text.size(low)} to {text.size(high)}"
    return f"{text.short(low)} to {_amount(high, unit)}"


def _without_gaps(bins: Sequence[int]) -> list[int]:
    """Empty bins between full ones are shown too, as long as they are not most of the chart."""
    if bins and max(bins) - min(bins) < GAPS_LIMIT:
        return list(range(min(bins), max(bins) + 1))
    return sorted(bins)


def nice_step(low: float | None, high: float | None, bins: int = LINEAR_BINS) -> float:
    """A bin width of 1, 2 or 5 times a power of ten that cuts ``low`` to ``high`` into at most ``bins``.

    >>> nice_step(0, 255), nice_step(0, 1), nice_step(3, 3)
    (20.0, 0.05, 1.0)
    """
    spread = (high or 0) - (low or 0)
    if not math.isfinite(spread) or spread <= 0:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(spread / bins))
    return next(round(m * magnitude, 12) for m in (1, 2, 5, 10) if spread / (m * magnitude) <= bins)
