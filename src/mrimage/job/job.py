"""A Job says what to do. A Plan adds where, and is all that a task needs to know."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import UsageError
from mrimage.job.columns import check_own_columns, taken_names
from mrimage.job.fields import JOB_FIELDS, RUN_FIELDS, check_fields, require_instance
from mrimage.job.functions import describe_function
from mrimage.job.keywords import checks_constructor
from mrimage.job.own_extractor import OwnExtractor
from mrimage.mappers.keys import check_keys, reads_content
from mrimage.storage.names import local_uri, path_if_local, scheme
from mrimage.storage.settings import StoreSettings
from mrimage.tables.column_types import Columns
from mrimage.types import Edits, Limits

if TYPE_CHECKING:
    from mrimage.image import Image
    from mrimage.sink.output import Output

Value = Any
"""A record's value: plain data (None, bool, int, float, str, bytes, datetime, list or dict), but
never pixels."""

Mapper = Callable[["Image"], Iterable[tuple[str, Value]]]
"""A generator function: ``image -> (key, value)`` pairs."""

Combiner = Callable[[str, Iterable[Value]], Iterable[Value]]
"""``(key, values) -> fewer values``. It runs zero or more times inside one map task."""

Reducer = Callable[[str, Iterator[Value]], Iterable["Output"]]
"""A generator function that runs once per key: ``(key, values) -> outputs``. The values are a
stream, sorted by image."""


@checks_constructor
@dataclass(frozen=True)
class Job:
    """What to do with the images of a source.

    ``map``, ``combine`` and ``reduce`` are the user's functions. Without ``map``, each image
    becomes one record under the key that ``key`` names. ``extract`` names extractors, which
    compute the columns of the catalogue; those of your own are functions with
    ``mrimage.extractor``. ``edits`` turn each image into an edited one. ``group``
    names built-in group reducers. A Job without edits and reducers makes a catalogue only: it
    reads headers and decodes nothing.

    ``needs`` names extractors whose columns ``reduce`` gets with the values, so that it does not
    have to decode images again. Each value is then a dictionary with these columns by name.
    Without ``map`` it also has ``uri`` and ``path``. With ``map`` it also has the items of the
    mapper's own dictionary, which win over columns of the same name; a value that is not a
    dictionary is under ``value``.

    ``include``, ``exclude`` and ``all_files`` select the files of the source. ``sample``, a number
    or a share such as ``"5%"``, takes images at random, the same ones in each run; ``limit`` takes
    the first ones by uri.
    ``output`` names the sink of edited images: ``files``, or ``webdataset`` or ``parquet`` for
    shards of about ``shard_size`` bytes at most. Shards have the columns ``carry`` of the catalogue
    beside the images. ``shuffle``, a seed, puts the images into the shards in random order.

    A field that takes several names also takes a single one: ``key="camera"``. Raises UsageError
    for a value of the wrong type.
    """

    map: Mapper | None = None
    reduce: Reducer | None = None
    combine: Combiner | None = None
    key: tuple[str, ...] = ("dimensions",)
    extract: tuple[str | OwnExtractor, ...] = ("header",)
    edits: Edits | None = None
    group: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_files: bool = False
    output: str = "files"
    shard_size: int | None = None
    carry: tuple[str, ...] = ()
    shuffle: int | None = None
    limit: int | None = None
    sample: str | None = None
    limits: Limits = field(default_factory=Limits)
    needs: tuple[str, ...] = ()
    record_extractors: tuple[str, ...] = field(default=(), repr=False)
    """Extractors whose columns are part of the records. A run sets this from ``needs`` and
    ``group``."""

    def __post_init__(self) -> None:
        values = check_fields(self, JOB_FIELDS.values(), "Job.")
        if not values["key"] and self.map is None:
            raise UsageError(
                "Job.key needs at least one name, or a map that says which key an image has."
            )
        if self.map is None:
            check_keys(values["key"])
        extractors = (*values["extract"], *values["needs"], *self.record_extractors)
        values["extract"] = tuple(dict.fromkeys(extractors))
        require_instance("Job.limits", self.limits, Limits)
        limits = check_fields(self.limits, JOB_FIELDS.values(), "Limits.")
        values["limits"] = replace(self.limits, **limits)
        if self.edits is not None:
            require_instance("Job.edits", self.edits, Edits)
            edits = check_fields(self.edits, JOB_FIELDS.values(), "Edits.")
            values["edits"] = replace(self.edits, **edits)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        check_own_columns(self.built_in, self.own_columns)

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of the built-in extractors."""
        return tuple(item for item in self.extract if isinstance(item, str))

    @property
    def own_extractors(self) -> tuple[OwnExtractor, ...]:
        """The job's own extractors."""
        return tuple(item for item in self.extract if isinstance(item, OwnExtractor))

    @property
    def own_columns(self) -> Columns:
        """The columns that the job's own extractors add to the catalogue."""
        return tuple(column for extractor in self.own_extractors for column in extractor.columns)

    @property
    def taken(self) -> frozenset[str]:
        """The names that a column of the source cannot have; it gets a prefix."""
        return taken_names(self.built_in, self.own_columns)

    @property
    def needs_bytes(self) -> bool:
        """Whether map may need whole images, not only their headers."""
        return self.decodes or self.map is not None

    @property
    def decodes(self) -> bool:
        """Whether map needs whole images even if the user's mapper does not read them."""
        if self.edits is not None or (self.map is None and reads_content(self.key)):
            return True
        return any(name != "header" for name in self.extract)

    @property
    def reduces(self) -> bool:
        """Whether the job has a reducer, so that records are shuffled."""
        return self.reduce is not None or bool(self.group)

    def describe(self) -> dict[str, object]:
        """Return the job as plain data, for the plan hash, the report and the error about a
        different job.

        A function is described by its name and a digest of its code, so that an edited mapper
        makes a different job.
        """
        left_out = ("map", "reduce", "combine", "record_extractors")
        facts = {name: value for name, value in vars(self).items() if name not in left_out}
        for name in ("map", "reduce", "combine"):
            facts[name] = describe_function(getattr(self, name))
        facts["extract"] = [
            item if isinstance(item, str) else describe_function(item) for item in self.extract
        ]
        facts["edits"] = asdict(self.edits) if self.edits else None
        for name in ("needs", "carry", "shuffle", "limit", "sample"):
            # An OUT that was made before this field existed still belongs to this job.
            if not facts[name] and facts[name] != 0:
                del facts[name]
        limits = facts.pop("limits")
        # The other limits, deadline and memory, do not make a different job.
        for name in ("max_pixels", "allow_truncated"):
            facts[name] = getattr(limits, name)
        # Encoded and decoded, so that it equals the description that an earlier run has stored.
        described: dict[str, object] = msgspec.json.decode(msgspec.json.encode(facts))
        return described


@dataclass(frozen=True)
class Plan:
    """A job, its source and OUT as absolute paths or urls, and the settings of their stores. Each
    task gets the whole plan.

    ``lease`` identifies the run that holds the lock of OUT, so that its tasks stop if another run
    takes over. It is empty if OUT is local. ``columns`` are the source's own, which are known when
    it is listed.
    """

    job: Job
    source: str
    out: str
    stores: StoreSettings = field(default_factory=StoreSettings)
    lease: str = ""
    columns: Columns = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", absolute(self.source))
        object.__setattr__(self, "out", absolute(self.out))

    def hash(self) -> str:
        """Return the hash of the job and its source: 16 hexadecimal digits."""
        facts = {**self.job.describe(), "source": self.source}
        data = msgspec.json.encode(facts, order="sorted")
        return hashlib.blake2b(data, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a job runs, as opposed to what it does: nothing here changes a result.

    ``fields.RUN`` explains the options. ``max_failures`` is a number of images or a share such
    as ``"5%"``. ``command`` is what the user typed, for the report. Raises UsageError for a
    value of the wrong type.
    """

    engine: str = "local"
    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    fresh: bool = False
    max_failures: int | str | None = None
    quiet: bool = True
    thumbnails: bool = True
    strict: bool = False
    command: str = ""
    stores: StoreSettings = field(default_factory=StoreSettings)

    def __post_init__(self) -> None:
        for name, value in check_fields(self, RUN_FIELDS.values()).items():
            object.__setattr__(self, name, value)


def absolute(place: str) -> str:
    """Return a path or url that means the same from any working directory. ``photos``,
    ``photos/`` and ``file:///home/me/photos`` all become ``/home/me/photos``.

    >>> absolute("/a/../photos/"), absolute("s3://bucket/photos/")
    ('/photos', 's3://bucket/photos')
    """
    if not place:
        raise UsageError("SOURCE and OUT need a path or a url, but got an empty text.")
    path = path_if_local(place)
    if path is not None:
        # Path.resolve() would follow links.
        return local_uri(os.path.abspath(path))  # noqa: PTH100
    if scheme(place) in ("http", "https"):
        return place
    return place.rstrip("/")
