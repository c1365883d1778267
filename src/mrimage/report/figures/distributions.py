"""Counts the images by each Measure: by its frequent values, or in bins of a number.

Each count is also made within the largest groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
class _Binning:
    """How the images are counted by ``measure``: by the result of the SQL expression ``value``.

    ``edge`` gives the lower edge of a numbered bin. ``low`` and ``high`` are the smallest and the
    largest value, both None if no image has one.
    """

    measure: Measure
    value: str
    edge: Edge | None = None
    low: Any = None
    high: Any = None


@dataclass(slots=True)
class _Counted:
    """What was counted by one measure.

    ``bins`` has the images and bytes by label, the most frequent first; ``examples`` the uris of
    some images of each; ``groups`` the group (the column ``g``), label and number of images.
    ``distinct`` labels have ``images`` and ``bytes`` together; ``missing`` images have no label.
    """

    bins: dict[str, tuple[int, int]] = field(default_factory=dict)
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: list[tuple[int, str, int]] = field(default_factory=list)
    distinct: int = 0
    images: int = 0
    bytes: int = 0
    missing: int = 0


def count_all(tables: Tables, filters: Sequence[str]) -> tuple[Distribution, ...]:
    """Count by every Measure whose columns the catalogue has and that has a value for an image.

    ``filters`` are the keys of the table ``grouped``, in the order of its column ``g``.
    """
    images, binnings = _choose_bins(tables)
    counted = _count(tables, binnings, images)
    if filters:
        _count_groups(tables, binnings, counted)
    distributions = []
    for binning, found in zip(binnings, counted, strict=True):
        distribution = _distribution(binning, found, filters)
        if any(bar.label for bar in distribution.bars):
            distributions.append(distribution)
    return tuple(distributions)


def _distribution(binning: _Binning, found: _Counted, filters: Sequence[str]) -> Distribution:
    if binning.measure.scale == "category":
        return _categories(binning, found, filters)
    if binning.measure.scale == "time":
        return _timeline(binning, found, filters)
    return _histogram(binning, found, filters)


def _histogram(binning: _Binning, found: _Counted, filters: Sequence[str]) -> Distribution:
    """Show the counts in bins of a number."""
    measure = binning.measure
    edge = binning.edge
    assert edge
    numbers = _without_gaps([int(label) for label in found.bins])
    bars = []
    for number in numbers:
        images, size = found.bins.get(str(number), (0, 0))
        low = edge(number)
        high = edge(number + 1)
        label = _range(low, high, measure.unit)
        examples = found.examples.get(str(number), ())
        bars.append(Bar(label, images, size, low, high, examples))
    places = {str(number): place for place, number in enumerate(numbers)}
    has_one_value = len(bars) == 1 and binning.low == binning.high
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="histogram",
        about=measure.about,
        sql=_sql_of_bins(binning),
        bars=tuple(bars),
        missing=found.missing,
        same=_amount(binning.low, measure.unit) if has_one_value else "",
        groups=_by_group(found, places, len(bars), None, filters),
    )


def _timeline(binning: _Binning, found: _Counted, filters: Sequence[str]) -> Distribution:
    """Show the counts by days, months or years, whichever makes a readable chart."""
    measure = binning.measure
    period = _period(binning.low, binning.high)
    # The labels are dates in ISO format, whose order is that of the dates.
    starts = sorted(found.bins)[-PERIODS_LIMIT:]
    bars = []
    for start in starts:
        images, size = found.bins[start]
        moment = datetime.fromisoformat(start)
        label = moment.strftime(_DATE_FORMATS[period])
        low = _epoch(moment)
        high = low + _SECONDS[period]
        bars.append(Bar(label, images, size, low, high, found.examples.get(start, ())))
    places = {start: place for place, start in enumerate(starts)}
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="timeline",
        about=measure.about,
        sql=_sql_of_bins(binning),
        bars=tuple(bars),
        missing=found.missing,
        groups=_by_group(found, places, len(bars), None, filters),
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


def _categories(binning: _Binning, found: _Counted, filters: Sequence[str]) -> Distribution:
    """Show the counts of the most frequent values, and of all other values together."""
    measure = binning.measure
    labels = text.unique(text.cut(label, 60) for label in found.bins)
    bars = [
        Bar(label, images, size, examples=found.examples.get(value, ()))
        for label, (value, (images, size)) in zip(labels, found.bins.items(), strict=True)
    ]
    folded = found.distinct - len(bars)
    rest = None
    if folded:
        rest = len(bars)
        bars.append(_rest(bars, found.images, found.bytes))
    places = {value: place for place, value in enumerate(found.bins)}
    return Distribution(
        name=measure.name,
        title=measure.title,
        kind="category",
        about=measure.about,
        sql=f"SELECT {binning.value} AS label, count(*) AS images, sum(size)::BIGINT AS bytes "
        "FROM image GROUP BY ALL ORDER BY images DESC, label",
        bars=tuple(bars),
        missing=found.missing,
        folded=folded,
        groups=_by_group(found, places, len(bars), rest, filters),
    )


def _sql_of_bins(binning: _Binning) -> str:
    """Return the query that gives the counts of one measure, for the page."""
    return (
        f"SELECT {binning.value} AS bin, count(*) AS images, sum(size)::BIGINT AS bytes "
        "FROM image GROUP BY ALL ORDER BY bin"
    )


def _rest(bars: Sequence[Bar], images: int, size: int) -> Bar:
    """Return the bar of all other values, where ``images`` and ``size`` are of all values."""
    other_images = images - sum(bar.images for bar in bars)
    other_bytes = size - sum(bar.bytes for bar in bars)
    return Bar(OTHER, other_images, other_bytes)


def _by_group(
    found: _Counted,
    places: Mapping[str, int],
    width: int,
    rest: int | None,
    filters: Sequence[str],
) -> dict[str, tuple[int, ...]]:
    """Return the counts within each group, by key: a number of images for each of ``width`` bars.

    ``places`` gives the bar of a label. A label without a bar is counted in the bar ``rest``, or
    not at all if that is None.
    """
    counts = [[0] * width for _ in filters]
    for group, label, images in found.groups:
        place = places.get(label, rest)
        if place is not None:
            counts[group][place] += images
    return {key: tuple(row) for key, row in zip(filters, counts, strict=True)}


def _count(tables: Tables, binnings: Sequence[_Binning], images: int) -> list[_Counted]:
    """Count the images and bytes by each measure: by all bins, or by the most frequent names.

    One query does it all, because a query takes milliseconds even on an empty catalogue.

    Each label also gets the uris of some of its images, those with a thumbnail first. The hash of
    the uri is the chance: of many ``images``, they are chosen from a sample of about EXAMPLE_POOL,
    so that it costs the same for any source.
    """
    counted = [_Counted() for _ in binnings]
    step = max(1, -(-images // EXAMPLE_POOL))
    chance = "(hash(uri) >> 2)::BIGINT"
    found = tables.rows(
        f"""SELECT *, count(*) OVER each, sum(images) OVER each, sum(bytes) OVER each FROM (
            SELECT place, label, count(*) AS images, sum(size)::BIGINT AS bytes,
                min_by(uri, rank, {EXAMPLES}) FILTER (rank IS NOT NULL) AS examples
            FROM (SELECT {_labels(binnings)}, size, uri, CASE
                    WHEN uri IN (SELECT uri FROM thumbnails WHERE width IS NOT NULL) THEN {chance}
                    WHEN hash(uri) % {step} = 0 THEN {chance} + {1 << 62} END AS rank
                FROM image)
            GROUP BY place, label)
        WINDOW each AS (PARTITION BY place, label IS NULL)
        QUALIFY NOT list_contains(?, place) OR row_number() OVER (
            PARTITION BY place, label IS NULL ORDER BY images DESC, label) <= {CATEGORY_LIMIT}
        ORDER BY images DESC, label""",
        [[place for place, one in enumerate(binnings) if one.measure.scale == "category"]],
    )
    for place, label, number, size, examples, distinct, all_images, all_bytes in found:
        one = counted[place]
        if label is None:
            one.missing = number
            continue
        one.bins[label] = (number, size or 0)
        one.examples[label] = tuple(examples or ())
        one.distinct = distinct
        one.images = int(all_images)
        one.bytes = int(all_bytes or 0)
    return counted


def _count_groups(
    tables: Tables, binnings: Sequence[_Binning], counted: Sequence[_Counted]
) -> None:
    """Count the images by each measure within the groups of the table ``grouped``."""
    found = tables.rows(
        f"SELECT g, place, label, count(*) FROM (SELECT g, {_labels(binnings)} FROM grouped) "
        "WHERE label IS NOT NULL GROUP BY ALL"
    )
    for group, place, label, images in found:
        counted[place].groups.append((group, label, images))


def _labels(binnings: Sequence[_Binning]) -> str:
    """Return SQL that makes a row for each measure of an image: its ``place``, and ``label``, the
    value as text."""
    texts = ", ".join(f"({binning.value})::VARCHAR" for binning in binnings)
    return f"unnest(range({len(binnings)})) AS place, unnest([{texts}]) AS label"


def _choose_bins(tables: Tables) -> tuple[int, list[_Binning]]:
    """Return the number of images, and the binning of every Measure that the catalogue has."""
    measures = [measure for measure in MEASURES if tables.has(*measure.needs)]
    numbers = [measure for measure in measures if measure.scale != "category"]
    columns = ["count(*)"]
    for measure in numbers:
        columns += [f"min({measure.expression})", f"max({measure.expression})"]
    images, *extents = tables.row(f"SELECT {', '.join(columns)} FROM image")
    lows = dict(zip(numbers, extents[::2], strict=True))
    highs = dict(zip(numbers, extents[1::2], strict=True))
    return images, [_binning(one, lows.get(one), highs.get(one)) for one in measures]


def _binning(measure: Measure, low: Any, high: Any) -> _Binning:
    """Return the binning of values from ``low`` to ``high``."""
    value = measure.expression
    if measure.scale == "category":
        return _Binning(measure, value)
    if measure.scale == "time":
        start = f"date_trunc('{_period(low, high)}', {value})::TIMESTAMP"
        return _Binning(measure, start, low=low, high=high)
    sql, edge = _numbered(measure, low, high)
    return _Binning(measure, sql, edge, low, high)


def _numbered(measure: Measure, low: Any, high: Any) -> tuple[str, Edge]:
    """Return the SQL that gives an image its bin, and the function that gives a bin its edge."""
    value = measure.expression
    if measure.scale == "decade":
        return f"decade_bin({value})", _decade_edge
    if measure.scale == "octave":
        anchor = measure.anchor
        step = measure.step
        octave_bin = f"floor(log2({value} / {anchor}) * {step})::INTEGER"
        return octave_bin, lambda number: anchor * 2.0 ** (number / step)
    width = nice_step(low, high)
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
