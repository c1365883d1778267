"""Figures about the images, as plain data; see ``figures`` for the units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a distribution: a value, or a range ``low`` (inclusive) to ``high`` (exclusive) of one."""

    label: str
    images: int
    bytes: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many images have which value. ``missing`` have none; ``folded`` values beyond the most frequent are
    summed up in a bar "other"; ``same`` is the number that all images share, where they do; ``groups`` maps a key to
    its counts, one for each bar, for the largest groups."""

    name: str
    title: str
    kind: Literal["category", "histogram", "timeline"]
    about: str
    sql: str
    bars: tuple[Bar, ...]
    missing: int = 0
    folded: int = 0
    same: str = ""
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """Images in one cell of a two-dimensional count: ``x`` and ``y`` to ``x2`` and ``y2``, exclusive."""

    x: float
    x2: float
    y: float
    y2: float
    images: int


@dataclass(frozen=True, slots=True)
class NamedSize:
    """An exact size in pixels that many images share; ``name`` is its usual name, or ""."""

    width: int
    height: int
    name: str
    images: int


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Width by height: counts on a logarithmic grid, and the most frequent exact sizes."""

    cells: tuple[Cell, ...]
    common: tuple[NamedSize, ...]
    distinct: int
    sql: str
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread within one label: its 5th, 25th, 50th, 75th and 95th percentile."""

    label: str
    images: int
    p5: float
    p25: float
    median: float
    p75: float
    p95: float


@dataclass(frozen=True, slots=True)
class Spreads:
    """The spread of one number over the labels of another column."""

    name: str
    title: str
    about: str
    sql: str
    rows: tuple[Spread, ...]


@dataclass(frozen=True, slots=True)
class Swatch:
    """A color (``#rrggbb``, the middle of its cell), the images in which it is dominant, and its ``share`` of all
    that are shown."""

    color: str
    images: int
    share: float


@dataclass(frozen=True, slots=True)
class Data:
    """All figures about the images. ``filters`` are the keys by which charts can be filtered; ``places`` is None
    unless it was asked for."""

    distributions: tuple[Distribution, ...]
    dimensions: Dimensions | None
    spreads: tuple[Spreads, ...]
    swatches: tuple[Swatch, ...]
    filters: tuple[str, ...]
    places: tuple[Cell, ...] | None
    located: int
