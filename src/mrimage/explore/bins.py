"""Values as one byte each: categories by their number of images, numbers and dates in bins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

Codes = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[Any]]

ArrowColumn = Any
"""An array of pyarrow, or one in chunks. The stubs of pyarrow lack much of what these can do."""

MISSING = 255
"""The code of a row without a value."""

OTHER = 254
"""The code of a category that is not among the most frequent ones."""

FEW = 24
"""Whole numbers with at most this many different values are categories."""

BINS = 40
"""The most bins of a number."""

SPREAD = 50.0
"""Numbers from one to this many times as much, or more, get bins of growing width."""

LONGEST = 200
"""The most characters of a category that the page shows; longer ones are free text, no category."""


@dataclass(frozen=True)
class Coded:
    """A column as ``codes``, one of uint8 for each row.

    ``values`` are the categories by code. Bins have ``edges`` instead, one more than there are
    bins: bin ``i`` holds the values from edge ``i`` up to, not including, edge ``i + 1``; the first
    and the last bin also hold all values beyond. Edges of dates are in milliseconds since 1970.
    """

    codes: Codes
    values: tuple[str | int | float | bool, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def useful(self) -> bool:
        """Whether the rows have at least two different codes."""
        return bool(len(self.codes)) and bool((self.codes != self.codes[0]).any())


def code_categories(column: ArrowColumn) -> Coded | None:
    """Code a column of text or truth values, the most frequent values first.

    Return None for free text: nearly as many values as rows.
    """
    if pa.types.is_boolean(column.type):
        flags = column.combine_chunks()
        codes = np.asarray(flags.cast(pa.uint8()).fill_null(MISSING))
        return Coded(codes, (False, True))
    dictionary = column.combine_chunks().dictionary_encode()
    names = dictionary.dictionary
    rows = len(column) - column.null_count
    if len(names) > OTHER and len(names) > rows / 4:
        return None
    indices = np.asarray(dictionary.indices.fill_null(-1))
    counts = np.bincount(indices[indices >= 0], minlength=len(names))
    # Sorted by name where counts are equal, so that the page does not depend on the order of rows.
    texts = [str(name) for name in names.to_pylist()]
    frequent = sorted(range(len(texts)), key=lambda place: (-int(counts[place]), texts[place]))
    kept = frequent[:OTHER]
    table = np.full(len(names) + 1, OTHER, np.uint8)
    table[kept] = np.arange(len(kept), dtype=np.uint8)
    table[-1] = MISSING
    return Coded(table[indices], tuple(texts[place] for place in kept))


def code_numbers(column: ArrowColumn) -> Coded:
    """Code a column of numbers: few whole numbers as categories, all others in bins."""
    numbers = column.cast(pa.float64()).to_numpy()
    known = numbers[np.isfinite(numbers)]
    if pa.types.is_integer(column.type):
        distinct = np.unique(known)
        if len(distinct) <= FEW:
            codes = np.searchsorted(distinct, numbers).astype(np.uint8)
            codes[~np.isfinite(numbers)] = MISSING
            return Coded(codes, tuple(int(value) for value in distinct))
    return Coded(*_binned(numbers, number_edges(known)))


def code_dates(column: ArrowColumn) -> Coded:
    """Code a column of times in bins of a year, a month, a day, an hour or a minute."""
    milliseconds = column.cast(pa.timestamp("ms")).cast(pa.int64())
    numbers = milliseconds.cast(pa.float64(), safe=False).to_numpy()
    return Coded(*_binned(numbers, date_edges(numbers[np.isfinite(numbers)])))


def _binned(
    numbers: Numbers, edges: Numbers
) -> tuple[Codes, tuple[str | int | float | bool, ...], tuple[float, ...]]:
    bins = max(len(edges) - 1, 1)
    places = np.searchsorted(edges, numbers, side="right") - 1
    codes = np.clip(places, 0, bins - 1).astype(np.uint8)
    codes[~np.isfinite(numbers)] = MISSING
    return codes, (), tuple(float(edge) for edge in edges)


def number_edges(known: Numbers) -> Numbers:
    """Return round edges of at most BINS bins for the numbers ``known``.

    The hundredth part at each end may lie beyond the edges, so that a stray value does not press
    all others into one bin.

    >>> number_edges(np.array([0.0, 100.0] * 50)).tolist()[:3]
    [0.0, 2.5, 5.0]
    """
    if not len(known):
        return np.array([0.0, 1.0])
    low, high = np.percentile(known, [1, 99])
    if low == high:
        low, high = known.min(), known.max()
    if low == high:
        return np.array([low, np.nextafter(low, math.inf)])
    if low > 0 and high / low >= SPREAD:
        return _growing(low, high)
    step = _round_step((high - low) / BINS)
    first = math.floor(low / step)
    last = math.floor(high / step) + 1
    return np.round(np.arange(first, last + 1) * step, 12)


def _growing(low: float, high: float) -> Numbers:
    """Return edges that grow by about the same factor, with one or two digits."""
    for digits in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        exponents = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 2)
        edges = np.array([digit * 10.0**exponent for exponent in exponents for digit in digits])
        first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
        last = int(np.searchsorted(edges, high, side="right"))
        if last - first <= BINS:
            break
    return edges[first : last + 1][: OTHER + 1]


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if factor * power >= least * 0.999:
            return factor * power
    return 10.0 * power


_DATE_UNITS = ("m", "h", "D", "M", "Y")
"""Lengths of the bins of dates, as NumPy names them."""


def date_edges(known: Numbers) -> Numbers:
    """Return edges in milliseconds since 1970: the finest unit that needs at most 254 bins.

    >>> edges = date_edges(np.array([0.0, 86_400_000.0 * 40]))
    >>> len(edges), float(edges[1] - edges[0])
    (42, 86400000.0)
    """
    if not len(known):
        return np.array([0.0, 1.0])
    ends = np.array([known.min(), known.max()]).astype("datetime64[ms]")
    for unit in _DATE_UNITS:
        units = ends.astype(f"datetime64[{unit}]").astype(np.int64)
        start, last = int(units[0]), int(units[1])
        if last - start < OTHER:
            break
    # Years before the last 254 of them share the first bin.
    start = max(start, last + 1 - OTHER)
    edges = np.arange(start, last + 2).astype(f"datetime64[{unit}]")
    milliseconds: Numbers = edges.astype("datetime64[ms]").astype(np.int64).astype(np.float64)
    return milliseconds
