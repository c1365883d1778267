"""Every figure of the report as plain data.

The page, ``summary.json`` and the notebook show these figures and nothing else. Counts are of images
unless a name says otherwise, sizes are in bytes, times in seconds, and shares are 0..1. Texts that
come from a source (names, keys, EXIF) are cut to a bounded length and never trusted as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mrimage.report.figures.data import Data
from mrimage.report.figures.job import Health, RunFigures

SCHEMA_VERSION = 1
"""It rises when a field of ``summary.json`` changes its meaning or is removed, not for a new one."""

Level = Literal["good", "info", "notice", "warning"]
"""How much an insight matters: ``warning`` needs a decision, ``good`` and ``info`` need none."""

Unit = Literal["images", "bytes", "pixels", "groups", "files", "seconds", "cameras", "tasks"]
"""What a number counts."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole run in numbers.

    ``pixels`` is the sum over the processed images, and ``source_bytes`` over all listed ones.
    ``seconds`` is the wall time of all phases. ``images_per_second`` counts the images that this run
    mapped, without those that an earlier run had done.
    """

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
    processed_share: float
    bytes_per_image: float
    pixels_per_image: float
    images_per_second: float
    gain_maps_dropped: int = 0
    ignored_reasons: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Insight:
    """A finding in words.

    ``next`` says what to do about it, and ``rule`` how it was found. ``mrimage query`` lists with
    ``sql`` what ``count`` counts.
    """

    name: str
    level: Level
    text: str
    next: str
    rule: str
    sql: str
    count: int
    counts: Unit


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group. ``sample`` is the uri of the thumbnail to show for it, or None."""

    key: str
    images: int
    bytes: int
    pixels: int
    outputs: int
    output_bytes: int
    sample: str | None


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups, at most GROUP_LIMIT of ``total``, the largest first.

    ``largest`` is the share of the images that the first one has.
    """

    total: int
    rows: tuple[GroupFigures, ...]
    largest: float


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """One rule of the job: the images that it applied to, and their outputs.

    ``rule`` is the rule as on a command line. It is "" for the images that no rule applied to.
    """

    rule: str
    images: int
    outputs: int


@dataclass(frozen=True, slots=True)
class CorrectionFigures:
    """A group that ``method`` corrected.

    ``before`` and ``after`` are the deviation of its images' mean colors, a distance in Lab.
    ``clipped`` is the largest share of an image's pixels that became black or white.
    """

    key: str
    method: str
    images: int
    before: float
    after: float
    clipped: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail with its caption.

    ``uri`` finds it in thumbnails.parquet, and ``note`` says what is special about it.
    """

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
    """All pictures of the page. ``corrected`` are those that a group correction changed most."""

    extremes: tuple[Gallery, ...]
    pairs: tuple[Pair, ...]
    sheets: tuple[Picture, ...]
    groups: tuple[Gallery, ...]
    corrected: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class QuarantinedImage:
    """One image in quarantine."""

    uri: str
    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for quarantine: what it means, what to do, and some of its images.

    ``command`` tries the images again. It is "" if another try would change nothing.
    """

    reason: str
    meaning: str
    advice: str
    command: str
    images: int
    bytes: int
    examples: tuple[QuarantinedImage, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """All images that could not be handled."""

    images: int
    reasons: tuple[Reason, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Change:
    """One number before and after.

    ``share`` is the difference over the number before, or None if that was zero.
    """

    name: str
    unit: Unit
    before: float
    after: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Moved:
    """One image that differs between two runs; ``what`` says how."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One distribution in both runs: the images before and after, for each label."""

    name: str
    title: str
    labels: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from another run to this one.

    ``other`` names that run. Images are matched by their path below the source.
    """

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
class Figures:
    """All figures of the report, exactly as ``summary.json`` has them."""

    schema_version: int
    run: RunFigures
    totals: Totals
    insights: tuple[Insight, ...]
    data: Data
    groups: Groups
    galleries: Galleries
    quarantine: Quarantine
    health: Health
    comparison: Comparison | None = None
    rules: tuple[RuleFigures, ...] = ()
    corrections: tuple[CorrectionFigures, ...] = ()
