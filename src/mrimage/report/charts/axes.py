"""The scales and axes of distributions: their ticks, their labels, and one unit for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mrimage.report.charts.style import PLAIN_LABEL, Spec
from mrimage.report.figures.data import Bar, Distribution

FEWEST_TICKS = 3
"""An axis with fewer ticks at 1, 2 and 5 has its ticks at the edges of the bars instead."""

_NUMBER_LABEL = "format(datum.value / {factor:g}, datum.value / {factor:g} >= 1e4 ? ',~r' : '~r')"
"""A Vega expression that writes the labels of an axis in one unit. ``~`` drops trailing zeros
(d3-format)."""

_UNITS: Mapping[str, Sequence[tuple[float, str]]] = {
    "size": ((1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1, "bytes")),
    "megapixels": ((1, "megapixels"),),
    "focal_length": ((1, "mm"),),
    "durations": ((3600, "hours"), (60, "minutes"), (1, "seconds"), (1e-3, "milliseconds")),
}
"""The units of the axes that have one, by the beginning of the distribution's name. An axis has one
unit for all its labels."""


def scale_of(bars: Sequence[Bar]) -> Spec:
    scale: Spec = {"nice": False, "zero": False}
    if _is_logarithmic(bars):
        scale = {"type": "log", "nice": False}
    if bars:
        scale["domain"] = [bars[0].low, bars[-1].high]
    return scale


def axis_of(distribution: Distribution) -> tuple[Spec, str | None]:
    """Return the axis of a histogram and its title, which is its unit."""
    label = PLAIN_LABEL
    title = None
    units = next((_UNITS[name] for name in _UNITS if distribution.name.startswith(name)), ())
    if units:
        factor, title = _unit(distribution.bars, units)
        label = _NUMBER_LABEL.format(factor=factor)
    axis: Spec = {
        "labelExpr": label,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
        "grid": False,
    }
    if _is_logarithmic(distribution.bars):
        axis["values"] = _ticks(distribution.bars)
    return axis, title


def _unit(bars: Sequence[Bar], units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """Return the largest unit in which the bar with the most images is at least one unit."""
    highest = max(bars, key=lambda bar: bar.images)
    edge = highest.high or 0
    return next((unit for unit in units if edge >= unit[0]), units[-1])


def _ticks(bars: Sequence[Bar]) -> list[float]:
    """Return the ticks of a logarithmic axis.

    They are at 1, 2 and 5 times the powers of ten. If those are too few, or if each bar is double
    the one before, they are at the edges of the bars.
    """
    edges = [bar.low for bar in bars if bar.low is not None]
    last = bars[-1].high
    if last is not None:
        edges.append(last)
    low = edges[0]
    high = edges[-1] * (1 + 1e-9)
    first_power = math.floor(math.log10(low))
    last_power = math.ceil(math.log10(edges[-1]))
    ticks = []
    for power in range(first_power, last_power + 1):
        round_numbers = [factor * 10.0**power for factor in (1, 2, 5)]
        ticks += [tick for tick in round_numbers if low <= tick <= high]
    is_doubling = math.isclose(edges[1] / low, 2)
    if is_doubling or len(ticks) < FEWEST_TICKS:
        return edges
    return ticks


def _is_logarithmic(bars: Sequence[Bar]) -> bool:
    """Return whether the bins get wider, which calls for a logarithmic axis."""
    if len(bars) < 2 or any(bar.low is None or bar.low <= 0 for bar in bars):
        return False
    return _bin_width(bars[-1]) > 1.2 * _bin_width(bars[0])


def _bin_width(bar: Bar) -> float:
    return (bar.high or 0) - (bar.low or 0)


def date_ticks(bars: Sequence[Bar]) -> Spec:
    """Return ticks that name days only if the bars are days, and no months if they are years."""
    label = bars[0].label if bars else ""
    if len(label) == len("2024"):
        return {"format": "%Y", "tickCount": {"interval": "year", "step": 1}}
    if len(label) == len("2024-01"):
        return {"format": "%b %Y"}
    return {"format": "%-d %b %Y"}
