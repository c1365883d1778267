"""The words of a job as plain data: frozen, standard library only, cheap to pickle and to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Fit = Literal["cover", "contain", "pad", "stretch"]
"""How an image meets the box of ``--resize``: fill it and cut the overhang, fit inside it, fit inside it and
fill the rest with the background, or be pulled to it."""

Stage = Literal["list", "map", "reduce"]
"""The phase in which an image was quarantined."""


class ByteSource(Protocol):
    """Bytes somewhere: a file, an object, an archive member. Reads are positional and free of side effects."""

    @property
    def uri(self) -> str: ...

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Bytes ``[start, start + length)``, fewer at the end; ``length=None`` reads to the end.

        Raises StoreError (see ``errors``) when the bytes cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemberPlace:
    """Where an archive keeps a member, so that it is opened without reading the archive's index again.

    ``archive`` is the archive's uri, ``size`` in bytes and ``version`` are its own as it was listed (-1 and empty
    where they are not known). ``offset`` is where the member begins: a byte of a tar or a zip, or the row of
    ``column`` in a Parquet file. In a zip it is ``packed`` bytes long, compressed by ``method`` (the index's number),
    and ``checksum`` is the CRC-32 of what comes out.
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
    """Why an entry cannot be read, known since it was listed: ``reason`` is one of ``errors.REASONS``."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the source.

    ``uri`` names it for anyone; ``path`` is its name below the source (``a/b.jpg``), from which output names
    are made; ``size`` is in bytes; ``version`` is an etag or a modification time, opaque, compared for equality.
    ``place`` is set for a member of an archive, ``fault`` for what cannot be read. ``file`` is the same for two names
    of one file, and empty where the store cannot tell; ``is_link`` says that the name is a link to another one.
    """

    uri: str
    path: str
    size: int
    version: str
    place: MemberPlace | None = None
    fault: Fault | None = None
    file: str = ""
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """One map task's work. ``id`` is a hash of the entries, so the same entries are the same split."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle in pixels of the oriented image; without ``x`` and ``y`` it is centred."""

    width: int
    height: int
    x: int | None = None
    y: int | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """What happens to each image on its own, in this order: orient, crop, resize, colour, correct, encode.

    ``format`` is an encoder's name or ``keep``; ``quality`` is 1..100, None for the encoder's default;
    ``background`` is sRGB, 0..255; ``correct`` names a colour correction of ``image.correct``;
    ``metadata`` says which of the source's metadata the output carries.
    """

    crop: Crop | None = None
    resize: tuple[int, int] | None = None
    fit: Fit = "contain"
    enlarge: bool = True
    to: str | None = None
    correct: str | None = None
    format: str = "keep"
    quality: int | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    metadata: Literal["keep", "copyright", "strip"] = "copyright"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost: ``max_pixels`` decoded at once, ``deadline`` in seconds, ``memory`` in bytes
    that a guarded attempt may hold. ``allow_truncated`` keeps what decodes of a cut-off file."""

    max_pixels: int = 200_000_000
    deadline: float = 60.0
    memory: int = 4_000_000_000
    allow_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image is in quarantine: ``reason`` is one of ``errors.REASONS``, ``message`` is for people. ``code_error`` is
    empty, or the same text for the same error in the same line of the job's own code."""

    uri: str
    stage: Stage
    reason: str
    message: str
    code_error: str = ""


@dataclass(frozen=True, slots=True)
class OutputRow:
    """Lineage of one file of the run. ``uri`` is the source image's, or None where a whole group made it;
    ``output`` is the path below OUT; ``width`` and ``height`` are None for what is no image."""

    uri: str | None
    key: str
    output: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What one finished task did; progress, resume and the report all read it, whatever the engine.

    ``seconds`` is wall time of the attempt that counted, ``peak_memory`` in bytes is of its process,
    ``attempts`` counts tries, the last one included, and ``errors`` says why earlier ones failed. ``tables`` names what it
    committed besides this. ``code_errors`` counts the images on which the job's own code failed, by error and line, and
    ``code_error`` is what it said of the first.
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
    """One phase of a run: ``seconds`` of wall time, and how many tasks, images and bytes went through it."""

    name: str
    seconds: float
    tasks: int = 0
    images: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run knows about itself, kept as ``_run/facts.json`` so that the report can be made again.

    ``command`` is the exact command line without credentials, ``plan_hash`` names the job and its source,
    ``versions`` maps a library to its version, ``reasons`` maps a reason for quarantine to its count, and
    ``started`` is in seconds since the epoch. ``ignored`` counts the files, members and rows that are no entries,
    ``ignored_reasons`` why, and ``repeated`` those that name an image once more: with ``listed`` they are all that the
    source holds. ``unlisted`` says what of it could not be listed. ``reused`` counts the
    images that an earlier run had done, ``removed`` the outputs that went with their images, and
    ``removed_outputs`` names the first of those. ``gain_maps_dropped`` counts images whose edited self has lost
    the HDR gain map of its source. ``earlier`` maps a folder below the source that is the OUT of an earlier run to the
    number of its files, which are among the ``ignored``.
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


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a task. ``number`` counts from 1; a ``careful`` one handles each image in a guarded child,
    because an earlier try took its process down; an ``expendable`` one runs in a process that may be ended by
    the kernel when an image takes too long; ``errors`` says why earlier tries failed."""

    number: int = 1
    careful: bool = False
    expendable: bool = False
    speculative: bool = False
    worker: str = "main"
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """One reduce task's work: every pending key from ``first`` to ``last``, both included, in the order of
    their UTF-8 bytes. ``id`` is a hash of the groups' content."""

    id: str
    first: str
    last: str
    groups: int
    records: int
    images: int
    bytes: int
