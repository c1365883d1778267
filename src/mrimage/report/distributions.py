"""Counts the images by each Measure: frequent values, or bins of a number, each also within the largest groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from mrimage.report import text
from mrimage.report.figures import Bar, Distribution
from mrimage.report.measures import MEASURES, Measure
from mrimage.report.tables import Tables

CATEGORY_LIMIT = 14
"""Bars of a distribution of names; the rest is one more bar."""

LINEAR_BINS = 24
OTHER = "other values"

_STEPS = {"day": 86_400.0, "month": 30.44 * 86_400, "year": 365.25 * 86_400}


def count_all(tables: Tables, filters: Sequence[str]) -> tuple[Distribution, ...]:
    """Every Measure that this catalogue can answer, without those that no image has a value for.

    ``filters`` are the keys of the table ``grouped``, in the order of its column ``g``.
    """
    known = (measure for measure in MEASURES if tables.has(*measure.needs))
    counted = (_count(tables, measure, filters) for measure in known)
    return tuple(distribution for distribution in counted if any(bar.label for bar in distribution.bars))


def _count(tables: Tables, measure: Measure, filters: Sequence[str]) -> Distribution:
    if measure.scale == "category":
        return _categories(tables, measure, filters)
    value, label = _binning(tables, measure)
    sql = f"SELECT {value} AS bin, count(*) AS images, sum(size)::BIGINT AS bytes FROM image GROUP BY ALL ORDER BY bin"
    found = tables.rows(sql)
    missing = sum(row[1] for row in found if row[0] is None)
    counted = {row[0]: row for row in found if row[0] is not None}
    bins = _without_gaps(measure, list(counted))
    bars = tuple(_bar(label, bin_, counted.get(bin_)) for bin_ in bins)
    places = {bin_: place for place, bin_ in enumerate(bins)}
    groups = _by_group(tables, value, places, len(bars), None, filters)
    kind = "timeline" if measure.scale == "time" else "histogram"
    return Distribution(measure.name, measure.title, kind, measure.about, sql, bars, missing, 0, groups)


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
    counted, size, distinct = (int(every[0][4]), int(every[0][5] or 0), every[0][3]) if every else (0, 0, 0)
    folded = distinct - len(bars)
    if folded:
        bars.append(Bar(OTHER, counted - sum(b.images for b in bars), size - sum(b.bytes for b in bars)))
    places = {row[0]: place for place, row in enumerate(every)}
    groups = _by_group(tables, measure.expression, places, len(bars), len(bars) - 1 if folded else None, filters)
    return Distribution(
        measure.name, measure.title, "category", measure.about, sql, tuple(bars), total - counted, folded, groups
    )


def _by_group(
    tables: Tables, value: str, places: dict[object, int], width: int, rest: int | None, filters: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Counts of each group, aligned with the bars; a value without a bar goes to ``rest``, or nowhere."""
    if not filters:
        return {}
    counts = [[0] * width for _ in filters]
    for group, label, images in tables.rows(f"SELECT g, {value} AS label, count(*) FROM grouped GROUP BY ALL"):
        place = places.get(label, rest)
        if place is not None and label is not None:
            counts[group][place] += images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}


Labels = dict[str, float | str]


def _binning(tables: Tables, measure: Measure) -> tuple[str, Labels]:
    """The SQL that gives an image its bin, and what is needed to label bins."""
    if measure.scale == "log":
        return f"floor(log2({measure.expression}) * {measure.step})::INTEGER", {
            "log": measure.step,
            "unit": measure.unit,
        }
    low, high = tables.row(f"SELECT min({measure.expression}), max({measure.expression}) FROM image")
    if measure.scale == "time":
        days = (high - low).days if low is not None else 0
        part = "day" if days <= 62 else "month" if days <= 366 * 8 else "year"
        return f"date_trunc('{part}', {measure.expression})::TIMESTAMP", {"part": part}
    step = nice_step(low, high)
    return f"floor({measure.expression} / {step!r})::INTEGER", {"step": step, "unit": measure.unit}


def _bar(label: Labels, bin_: object, row: tuple[object, ...] | None) -> Bar:
    images, size = (int(str(row[1])), int(str(row[2] or 0))) if row else (0, 0)
    if isinstance(bin_, datetime):
        part = str(label["part"])
        start = (bin_ - datetime(1970, 1, 1)).total_seconds()
        name = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}[part]
        return Bar(bin_.strftime(name), images, size, start, start + _STEPS[part])
    index = int(str(bin_))
    if "log" in label:
        low, high = 2.0 ** (index / float(label["log"])), 2.0 ** ((index + 1) / float(label["log"]))
    else:
        low, high = index * float(label["step"]), (index + 1) * float(label["step"])
    return Bar(_range(low, high, str(label["unit"])), images, size, low, high)


def _range(low: float, high: float, unit: str) -> str:
    if unit == "bytes":
        return f"{text.size(low)} to {text.size(high)}"
    return f"{text.short(low)} to {text.short(high)}" + (f"\u00a0{unit}" if unit else "")


def _without_gaps(measure: Measure, bins: Sequence[object]) -> list[object]:
    """Empty bins between full ones are shown, as long as they are not most of the chart."""
    if measure.scale == "time" or not bins:
        return sorted(bins, key=str)
    numbers = [int(str(bin_)) for bin_ in bins]
    low, high = min(numbers), max(numbers)
    return list(range(low, high + 1)) if high - low < 80 else list(sorted(numbers))


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
