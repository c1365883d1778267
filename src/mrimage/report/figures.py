"""Every figure of the report as plain data: the page, ``summary.json`` and the notebook show these and nothing else.

Counts are of images unless a name says otherwise, sizes are in bytes, times in seconds, shares are 0..1.
Texts that come from a source (names, keys, EXIF) are cut to a bounded length and never trusted as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SCHEMA_VERSION = 1
"""Rises when a field of ``summary.json`` changes its meaning or goes away; new fields do not raise it."""

Level = Literal["good", "info", "notice", "warning"]
"""How much an insight matters: ``warning`` asks for a decision, ``good`` and ``info`` need none."""


Unit = Literal["images", "bytes", "pixels", "groups", "files", "seconds"]
"""What a total counts."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole run in numbers. ``pixels`` counts those of processed images, ``source_bytes`` all listed files;
    ``seconds`` is the wall time of all phases."""

    listed: int
    processed: int
    quarantined: int
    ignored: int
    reused: int
    removed: int
    source_bytes: int
    pixels: int
    groups: int
    outputs: int
    output_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Insight:
    """A finding in words. ``rule`` says how it was found, ``sql`` lists the images with ``mrimage query``."""

    name: str
    level: Level
    text: str
    rule: str
    sql: str
    images: int


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
    summed up in a bar "other"; ``groups`` maps a key to its counts, one for each bar, for the largest groups."""

    name: str
    title: str
    kind: Literal["category", "histogram", "timeline"]
    about: str
    sql: str
    bars: tuple[Bar, ...]
    missing: int = 0
    folded: int = 0
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
    """A colour (``#rrggbb``, the middle of its cell) and the images in which it is dominant."""

    color: str
    images: int


@dataclass(frozen=True, slots=True)
class Data:
    """What is in the pile. ``filters`` are the keys that charts can be narrowed to; ``places`` is only there when
    asked for."""

    distributions: tuple[Distribution, ...]
    dimensions: Dimensions | None
    spreads: tuple[Spreads, ...]
    swatches: tuple[Swatch, ...]
    filters: tuple[str, ...]
    places: tuple[Cell, ...] | None
    located: int


@dataclass(frozen=True, slots=True)
class Group:
    """One key. ``outputs`` and ``output_bytes`` are of its files; ``sample`` names the thumbnail to show."""

    key: str
    images: int
    bytes: int
    pixels: int
    outputs: int
    output_bytes: int
    sample: str | None


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups, at most GROUP_LIMIT of ``total``; ``largest`` is the share of images of the first."""

    total: int
    rows: tuple[Group, ...]
    largest: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail's caption: ``uri`` names it in thumbnails.parquet, ``note`` says why it is shown."""

    uri: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A source image, the output made from it, and what changed, in words."""

    before: Picture
    after: Picture
    change: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures under one heading."""

    name: str
    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Galleries:
    """All pictures of the page."""

    extremes: tuple[Gallery, ...]
    pairs: tuple[Pair, ...]
    sheets: tuple[Picture, ...]
    groups: tuple[Gallery, ...]


@dataclass(frozen=True, slots=True)
class Casualty:
    """One image in quarantine."""

    uri: str
    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why images are in quarantine, what it means, what to do, and some of them."""

    reason: str
    meaning: str
    advice: str
    images: int
    bytes: int
    examples: tuple[Casualty, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """All that could not be handled."""

    images: int
    reasons: tuple[Reason, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase. ``task_seconds`` adds up its tasks, ``parallelism`` is that over the wall time."""

    name: str
    seconds: float
    tasks: int
    images: int
    bytes: int
    images_per_second: float
    task_seconds: float
    parallelism: float


@dataclass(frozen=True, slots=True)
class Task:
    """One task, for the timeline and the list of stragglers. ``start`` is seconds since the first task's."""

    task: str
    phase: str
    start: float
    seconds: float
    images: int
    bytes: int
    worker: str
    attempts: int
    speculative: bool
    times_median: float
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """What all workers did per second in one slice of time, ``start`` in seconds since the first task's."""

    start: float
    seconds: float
    images_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process: its share of the work and its peak of resident memory."""

    worker: str
    tasks: int
    images: int
    busy_seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Skew:
    """Largest over mean number of images: of the keys, and of the reduce tasks that the plan made of them."""

    keys: float
    tasks: float
    reduce_tasks: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the job itself did. ``timeline`` is cut to the longest tasks when there are too many to draw."""

    phases: tuple[Phase, ...]
    throughput: tuple[Moment, ...]
    durations: tuple[Distribution, ...]
    timeline: tuple[Task, ...]
    stragglers: tuple[Task, ...]
    troubled: tuple[Task, ...]
    workers: tuple[Worker, ...]
    tasks: int
    retries: int
    speculative: int
    peak_memory: int
    skew: Skew | None


@dataclass(frozen=True, slots=True)
class Run:
    """What was run, so that it can be run again. ``started`` is in seconds since the epoch."""

    source: str
    out: str
    command: str
    job: Mapping[str, object]
    engine: str
    workers: int
    plan_hash: str
    versions: Mapping[str, str]
    started: float


@dataclass(frozen=True, slots=True)
class Change:
    """One number, then and now."""

    name: str
    unit: Unit
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Moved:
    """One image that differs between two runs, and how."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One distribution in both runs: for each label the images before and after."""

    name: str
    title: str
    labels: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from another run to this one. Images are matched by their path below the source."""

    other: str
    other_started: float
    changes: tuple[Change, ...]
    new: int
    gone: int
    changed: int
    same: int
    newly_quarantined: int
    recovered: int
    examples: Mapping[str, tuple[Moved, ...]]
    distributions: tuple[SideBySide, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The report's figures; ``summary.json`` is exactly this."""

    schema_version: int
    run: Run
    totals: Totals
    insights: tuple[Insight, ...]
    data: Data
    groups: Groups
    galleries: Galleries
    quarantine: Quarantine
    health: Health
    comparison: Comparison | None = None
