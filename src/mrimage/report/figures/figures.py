"""Every figure of the report as plain data.

The page, ``summary.json`` and the notebook show these figures and nothing else. Counts are of images
unless a name says otherwise, sizes are in bytes, times in seconds, and shares are 0..1. Texts that
come from a source (names, keys, EXIF) are cut to a bounded length and never trusted as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mrimage.report.figures.data import Data, MapCluster, MapDot
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
class Picture:
    """A picture with its caption.

    ``uri`` finds it in thumbnails.parquet, and ``note`` says what is special about it. ``unseen``
    says why there is no thumbnail; then the page shows a frame with the name.
    """

    uri: str
    title: str
    note: str
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The whole list of what a finding counts, as CSV with ``rows`` rows.

    It is in the page itself, or in the file ``path`` below OUT, which is "" for a list in the page.
    """

    name: str
    rows: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Insight:
    """A finding in words.

    ``next`` says what to do about it, and ``rule`` how it was found. ``mrimage query`` lists with
    ``sql`` what ``count`` counts. ``about`` says whether it is on the images or on the run's own
    work. ``pictures`` are the first images of the list, and ``listing`` is the whole list.
    """

    name: str
    level: Level
    text: str
    next: str
    rule: str
    sql: str
    count: int
    counts: Unit
    about: Literal["images", "run"] = "images"
    pictures: tuple[Picture, ...] = ()
    listing: Listing | None = None


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image that the page shows or names, by its whole ``uri``.

    ``name`` is its file name. ``facts`` are in words, such as ``("jpeg", "4032 × 3024")``. ``keys``
    are those of its groups.
    """

    uri: str
    name: str
    facts: tuple[str, ...]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DuplicateImage:
    """One image of a cluster: whether to ``keep`` it, and how it relates to the one to keep."""

    picture: Picture
    keep: bool
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Images that are copies of one another or look alike, the one to keep first.

    ``images`` has at most the first of ``total``. Without the others, ``saved`` bytes are free.
    """

    key: str
    images: tuple[DuplicateImage, ...]
    total: int
    saved: int


@dataclass(frozen=True, slots=True)
class DuplicatesFile:
    """A file of the reducer ``duplicates``: its path below OUT, and the key of its group."""

    output: str
    key: str


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What ``--find duplicates`` found in the whole source; else what the reducer ``duplicates``
    found in the groups.

    ``clusters`` are those of ``total`` that free the most bytes. ``extra`` images are not the ones
    to keep; without them, ``saved`` bytes are free. A second name of one file is neither. ``read``
    are the files that were counted, those of the largest groups, and ``files`` is the number of all.

    Only ``--find duplicates`` has ``kinds``: how copies relate to the one to keep, with the number
    of images and the bytes that they free; and ``shared``: pairs of groups, and the number of
    clusters that have images in both.
    """

    clusters: tuple[Cluster, ...]
    total: int
    extra: int
    saved: int
    read: tuple[DuplicatesFile, ...]
    files: int
    kinds: tuple[tuple[str, int, int], ...] = ()
    shared: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class MadeTable:
    """The beginning of a file that a group reducer made and that is no picture.

    ``total`` is the number of its rows, or None if it is unknown.
    """

    output: str
    key: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group.

    ``sample`` is the uri of the thumbnail to show for it, or None. ``examples`` are the uris of
    some of its images; only the largest groups have them.
    """

    key: str
    images: int
    bytes: int
    pixels: int
    outputs: int
    output_bytes: int
    sample: str | None
    examples: tuple[str, ...] = ()


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
    """All pictures of the page but those of the findings.

    ``typical`` is the strip at its top, and ``corrected`` are the images that a group correction
    changed most.
    """

    extremes: tuple[Gallery, ...]
    pairs: tuple[Pair, ...]
    sheets: tuple[Picture, ...]
    groups: tuple[Gallery, ...]
    typical: tuple[Picture, ...] = ()
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

    ``other`` names that run. Images are matched by their path below the source. ``unrelated`` says
    that the two sources are different piles, so that nothing is new or gone.
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
    other_source: str = ""
    unrelated: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One line of ``_run/history.jsonl``: a finished run in short.

    ``findings`` counts the images of each finding by name. ``started`` is in seconds since the
    epoch.
    """

    started: float
    seconds: float
    source: str
    plan_hash: str
    listed: int
    processed: int
    quarantined: int
    source_bytes: int
    outputs: int
    output_bytes: int
    findings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapPicture:
    """A picture on the map: the corner of its cell, and the color of its cluster."""

    picture: Picture
    x: int
    y: int
    color: int


@dataclass(frozen=True, slots=True)
class PileMap:
    """The map: ``images`` are on it, in ``total`` clusters, of which the largest are ``clusters``."""

    images: int
    total: int
    dots: tuple[MapDot, ...]
    pictures: tuple[MapPicture, ...]
    clusters: tuple[MapCluster, ...]
    sql: str


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
    duplicates: Duplicates | None = None
    made: tuple[MadeTable, ...] = ()
    images: tuple[ShownImage, ...] = ()
    history: tuple[RunRecord, ...] = ()
    map: PileMap | None = None
