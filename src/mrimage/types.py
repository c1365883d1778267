"""The data types of a job: frozen, standard library only, cheap to pickle and to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

Fit = Literal["cover", "contain", "pad", "stretch"]
"""How an image is fitted to the box of ``--resize``: fill it and cut the overhang, fit inside it,
fit inside it and fill the rest with the background, or stretch to it."""

CORNERS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "top-left": (0, 0),
        "top-right": (1, 0),
        "bottom-left": (0, 1),
        "bottom-right": (1, 1),
        "center": (0.5, 0.5),
    }
)
"""Where ``--watermark`` goes: how far across and down, from 0 to 1."""

Size = tuple[int, int]
"""Width and height in pixels."""

Resize = Size | int | str | Sequence[Size | str]
"""What ``--resize`` may be: one size, the name of a set of sizes, or several of both, of which each
image gets one; or a size relative to the image: its longest side, ``"50%"`` or ``"2mp"``."""

GROUP_CORRECTIONS = ("match-group", "match-histogram", "exposure-group", "deflicker")
"""The values of ``--correct`` that depend on an image's group."""

Stage = Literal["list", "map", "members", "reduce", "round"]
"""The phase in which an image was quarantined; ``round`` is any round of a program."""

IGNORED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "extension": ("by its extension", "by their extensions"),
        "not an image": (
            "without an extension, and not an image",
            "without an extension, and not images",
        ),
        "sidecar": ("sidecar of an image", "sidecars of images"),
        "not selected": ("not selected by --from", "not selected by --from"),
        "not in the sample": ("not in the sample", "not in the sample"),
        "hidden": ("hidden", "hidden"),
        "excluded": ("by --include or --exclude", "by --include or --exclude"),
        "link": (
            "link that leads to no file of its archive",
            "links that lead to no file of their archive",
        ),
        "special file": ("pipe, socket or device", "pipes, sockets or devices"),
        "no images": ("archive without images", "archives without images"),
        "empty row": ("empty row", "empty rows"),
        "comment": ("comment", "comments"),
        "earlier run": ("written by an earlier run", "written by an earlier run"),
        "folder": ("folder that could not be listed", "folders that could not be listed"),
    }
)
"""The reasons why something is not an entry, each in words for one and for several."""

ASPECTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "1x1": (1, 1),
        "5x4": (5, 4),
        "4x3": (4, 3),
        "7x5": (7, 5),
        "3x2": (3, 2),
        "16x10": (8, 5),
        "5x3": (5, 3),
        "16x9": (16, 9),
        "2x1": (2, 1),
        # Sold as 21:9: 2560 x 1080 pixels.
        "21x9": (64, 27),
    }
)
"""Common ratios of the longer to the shorter side, by name. The key ``aspect`` and the report's
chart of aspect ratios both read this table, so that they count the same images."""

ASPECT_TOLERANCE = 15
"""How far an image may be from a common ratio, in thousandths of that ratio."""

LONG_ASPECT = (5, 2)
"""An image with a larger ratio of its sides than this is long."""


class ByteSource(Protocol):
    """Bytes somewhere: a file, an object, an archive member.

    Reads are positional and have no side effects.
    """

    @property
    def uri(self) -> str: ...

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes ``[start, start + length)``, fewer at the end; ``None`` reads to the end.

        Raises StoreError if the bytes cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemberPlace:
    """Where an archive keeps a member, so that opening it does not read the archive's index again.

    ``archive`` is the archive's uri. ``size``, in bytes, and ``version`` are those of the archive
    when it was listed, -1 and empty if unknown. ``offset`` is where the member begins: a byte of a
    tar or a zip, or the row of ``column`` in a Parquet file. In a zip, the member is ``packed``
    bytes long and compressed by ``method``, a number from the index; ``checksum`` is the CRC-32 of
    its content.
    """

    archive: str
    size: int
    version: str
    offset: int
    packed: int = 0
    method: int = 0
    checksum: int = 0
    column: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an entry cannot be read, found while listing; ``reason`` is in ``errors.REASONS``."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the source.

    ``uri`` names it everywhere. ``path`` is its name below the source, such as ``a/b.jpg``,
    from which output names are made. ``size`` is in bytes. ``version`` is an etag or a
    modification time; it is opaque, and compared only for equality. ``place`` is set for a
    member of an archive, ``fault`` for an entry that cannot be read. ``file`` is equal for two
    names of one file, and empty if the store does not know; ``is_link`` says whether the name
    is a link to another one. ``fields`` is what the source says about the image, as plain data:
    the other columns of its row in a list or a table, or the sidecars of its sample in a tar.
    """

    uri: str
    path: str
    size: int
    version: str
    place: MemberPlace | None = None
    fault: Fault | None = None
    file: str = ""
    is_link: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Split:
    """One map task's work. ``id`` is a hash of the entries, so equal entries are the same split."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle in pixels of the oriented image; without ``x`` and ``y`` it is centered."""

    width: int
    height: int
    x: int | None = None
    y: int | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """What happens to each image, in this order: orient, crop, resize, color, correct, sharpen,
    watermark, encode.

    ``resize`` is a size (width, height) in pixels. If it is several sizes, or the name of a set
    such as ``sdxl``, each image gets the one whose shape is nearest to its own. A number is the
    longest side in pixels, ``"50%"`` a share of both sides, and ``"2mp"`` a number of megapixels;
    the shape stays, so ``fit`` does not matter. ``sharpen`` is a strength from 0 to 10, of which 1
    is libvips' own. ``watermark`` is the path or url of a picture that is laid over
    ``watermark_corner`` (see ``CORNERS``), as large as fits into ``watermark_share`` (0..1) of both
    sides of the result. ``format`` is an
    encoder's name or ``keep``; ``quality`` is 1..100, None for the encoder's default.
    ``background`` is sRGB, 0..255. ``correct`` names a color correction of ``image.correct`` or
    ``image.group``. ``metadata`` says which metadata of the source go into the output.

    ``reference`` is the path or url of an image whose histogram ``match-histogram`` matches in place
    of the group's.
    """

    crop: Crop | None = None
    resize: Resize | None = None
    fit: Fit = "contain"
    enlarge: bool = True
    to: str | None = None
    correct: str | None = None
    format: str = "keep"
    quality: int | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    metadata: Literal["keep", "copyright", "strip"] = "copyright"
    reference: str | None = None
    sharpen: float | None = None
    watermark: str | None = None
    watermark_corner: str = "bottom-right"
    watermark_share: float = 0.2

    @property
    def sees_group(self) -> bool:
        """Whether the edited image depends on the other images of its group."""
        return self.correct in GROUP_CORRECTIONS and self.reference is None

    @property
    def changes_pixels(self) -> bool:
        """Whether a step after the colors needs RGB or gray, as nearly all images have them."""
        return bool(self.correct or self.sharpen or self.watermark)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost.

    ``max_pixels`` may be decoded at once. ``deadline`` is in seconds. ``memory`` is what a guarded
    attempt may use, in bytes. ``allow_truncated`` accepts the readable part of a truncated file.
    """

    max_pixels: int = 200_000_000
    deadline: float = 60.0
    memory: int = 4_000_000_000
    allow_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image is in quarantine.

    ``reason`` is in ``errors.REASONS``, ``message`` is for people. ``code_error`` is empty, or
    identifies the error and the line of the job's own code that raised it.
    """

    uri: str
    stage: Stage
    reason: str
    message: str
    code_error: str = ""


@dataclass(frozen=True, slots=True)
class OutputRow:
    """Lineage of one file of the run.

    ``uri`` is the source image's, or None if the file was made from a whole group. ``output`` is
    the path below OUT. ``width`` and ``height`` are in pixels, None if the file is not an image.
    """

    uri: str | None
    key: str
    output: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What one finished task did. Progress, resume and the report read it, whatever the engine.

    ``seconds`` is the wall time of the attempt that counted, and ``peak_memory``, in bytes, is
    that of its process. ``attempts`` counts all attempts, and ``errors`` says why the earlier ones
    failed. ``tables`` names the tables that the task committed. ``code_errors`` counts the images
    on which the job's own code failed, by error and line, and ``code_error`` is the message of the
    first.
    """

    task: str
    phase: str
    images: int
    bytes: int
    quarantined: int
    outputs: int
    started: float
    seconds: float
    peak_memory: int
    worker: str
    attempts: int = 1
    speculative: bool = False
    errors: tuple[str, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    code_errors: Mapping[str, int] = field(default_factory=dict)
    code_error: str = ""


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """One phase of a run: wall time in ``seconds``, and the tasks, images and bytes it processed."""

    name: str
    seconds: float
    tasks: int = 0
    images: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule of a job applied to: ``images`` under the keys that it was the first to match,
    and their ``outputs``.

    ``key`` is the rule's pattern, and ``rule`` the whole rule as text. Both are empty in the count
    of the images under keys that no rule matches. ``edits`` are the described edits of these images,
    None if they are copied, left out or not edited.
    """

    key: str
    rule: str
    images: int
    outputs: int
    edits: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run knows about itself, kept as ``_run/facts.json`` so that the report can be made
    again.

    ``command`` is the exact command line without credentials. ``plan_hash`` names the job and its
    source. ``versions`` maps a library to its version, and ``reasons`` a reason for quarantine to
    its count. ``started`` is in seconds since the epoch.

    The files, members and rows of the source are ``listed``, ``ignored``, or ``repeated``, which
    name an image again. ``ignored_reasons`` counts the ignored ones by reason. ``earlier`` maps a
    folder below the source that is the OUT of an earlier run to the number of its files, all of
    them ignored. ``unlisted`` describes the parts of the source that could not be listed.

    ``reused`` counts the images that an earlier run had done. ``removed`` counts the outputs that
    were removed because their images are gone, and ``removed_outputs`` names the first of them.
    ``gain_maps_dropped`` counts the edited images that lost the HDR gain map of their source.
    ``rules`` counts the images of each rule of the job, and last those that no rule applied to.
    ``title`` and ``owner`` are those of the report, if they were given.
    """

    source: str
    out: str
    command: str
    job: Mapping[str, object]
    engine: str
    workers: int
    plan_hash: str
    versions: Mapping[str, str]
    started: float
    listed: int
    processed: int
    quarantined: int
    ignored: int
    reused: int
    bytes: int
    groups: int
    outputs: int
    removed: int
    reasons: Mapping[str, int]
    phases: tuple[PhaseFacts, ...]
    tasks: tuple[TaskReport, ...]
    removed_outputs: tuple[str, ...] = ()
    gain_maps_dropped: int = 0
    ignored_reasons: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    unlisted: tuple[str, ...] = ()
    earlier: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[RuleCount, ...] = ()
    title: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task.

    ``number`` counts from 1. A ``careful`` attempt handles each image in a guarded child process,
    because an earlier attempt killed its process. An ``expendable`` one runs in a process that the
    kernel may end if an image takes too long. ``errors`` says why earlier attempts failed.
    """

    number: int = 1
    careful: bool = False
    expendable: bool = False
    speculative: bool = False
    worker: str = "main"
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """One reduce task's work: every pending key from ``first`` to ``last``, both included.

    Keys are in the order of their UTF-8 bytes. ``id`` is a hash of the groups' content.
    """

    id: str
    first: str
    last: str
    groups: int
    records: int
    images: int
    bytes: int
