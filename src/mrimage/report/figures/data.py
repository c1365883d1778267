"""Figures about the images, as plain data; see ``figures`` for the units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a distribution: a value, or a range from ``low`` up to and without ``high``.

    ``examples`` are the uris of some of its images.
    """

    label: str
    images: int
    bytes: int
    low: float | None = None
    high: float | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many images have which value.

    ``missing`` images have none. ``folded`` counts the values that share the bar "other values",
    because they are not among the most frequent. ``same`` is the number that all images have, or
    "". ``groups`` maps the key of each of the largest groups to its counts, one for each bar.
    """

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
    """Images in one cell of a two-dimensional count.

    The cell goes from ``x`` and ``y`` up to and without ``x2`` and ``y2``.
    """

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
    """Width by height: counts on a logarithmic grid, and the most frequent exact sizes.

    ``distinct`` is the number of different exact sizes. ``groups`` maps the key of each of the
    largest groups to its counts, one for each cell.
    """

    cells: tuple[Cell, ...]
    common: tuple[NamedSize, ...]
    distinct: int
    sql: str
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of a number within one label: its 5th, 25th, 50th, 75th and 95th percentiles."""

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
    """A dominant color.

    ``color`` is ``#rrggbb``, the middle of the range of colors that are counted together. ``images``
    have it, and ``share`` is theirs of the images of all colors that are shown.
    """

    color: str
    images: int
    share: float


@dataclass(frozen=True, slots=True)
class Data:
    """All figures about the images.

    ``filters`` are the keys that charts can be filtered to. ``places`` is None unless the report was
    made with places, and ``located`` is the number of images with a GPS position. ``taken_from``
    and ``taken_to`` are the first and the last date (``2024-06-01``) at which images were taken, or "". ``places_by_group`` maps the
    key of each of the largest groups to its counts, one for each cell of ``places``.
    """

    distributions: tuple[Distribution, ...]
    dimensions: Dimensions | None
    spreads: tuple[Spreads, ...]
    swatches: tuple[Swatch, ...]
    filters: tuple[str, ...]
    places: tuple[Cell, ...] | None
    located: int
    taken_from: str = ""
    taken_to: str = ""
    places_by_group: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapDot:
    """An image on the map: the place of its middle, and the number of the color of its cluster,
    0 for those of small clusters."""

    x: float
    y: float
    color: int


@dataclass(frozen=True, slots=True)
class MapCluster:
    """A cluster with a color of its own; ``name`` is empty if it has none."""

    cluster: int
    name: str
    images: int
    color: int
