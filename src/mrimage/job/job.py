"""What is to be done: a Job; and where: a Plan, which is all that a task needs to know."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import UsageError
from mrimage.job.fields import JOB_FIELDS, RUN_FIELDS, check_fields, require_instance
from mrimage.job.functions import describe_function
from mrimage.job.keywords import checks_constructor
from mrimage.storage.names import local_place, local_uri, scheme
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits, Limits

if TYPE_CHECKING:
    from mrimage.image import Image
    from mrimage.sink.output import Output

Value = Any
"""A record's value: plain data (None, bool, int, float, str, bytes, datetime, list, dict), never
pixels."""

Mapper = Callable[["Image"], Iterable[tuple[str, Value]]]
"""``image -> (key, value)`` pairs; a generator function."""

Combiner = Callable[[str, Iterable[Value]], Iterable[Value]]
"""``(key, values) -> fewer values``, inside one map task; runs zero or more times."""

Reducer = Callable[[str, Iterator[Value]], Iterable["Output"]]
"""``(key, values) -> outputs``, once per key; a generator function. Values come sorted by image,
as a stream."""


@checks_constructor
@dataclass(frozen=True)
class Job:
    """What to do with the images of a source.

    ``map``, ``combine`` and ``reduce`` are the user's functions. Without ``map``, each image is
    one record under the key that ``key`` names. ``extract`` names the columns that map computes,
    ``edits`` make an image from each image, and ``group`` names built-in group reducers. A Job
    with neither edits nor a reducer is a catalogue: it reads headers and decodes nothing.

    ``needs`` names extractors whose columns reach ``reduce`` with the values, so that it need
    not decode an image again. A value then is a dictionary with these columns by name: without a
    ``map`` of the job's own beside ``uri`` and ``path``; with one, beside what the mapper's
    dictionary holds (whose own names win), or beside ``value`` where the mapper yields anything
    else.

    ``include``, ``exclude`` and ``all_files`` say which files of the source are entries.
    ``output`` names the sink of edited images: ``files``, or ``webdataset`` or ``parquet`` for
    shards of at most about ``shard_size`` bytes.

    Where several names may stand, one will do: ``key="camera"``. Raises UsageError for a value
    of the wrong kind.
    """

    map: Mapper | None = None
    reduce: Reducer | None = None
    combine: Combiner | None = None
    key: tuple[str, ...] = ("dimensions",)
    extract: tuple[str, ...] = ("header",)
    edits: Edits | None = None
    group: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_files: bool = False
    output: str = "files"
    shard_size: int | None = None
    limits: Limits = field(default_factory=Limits)
    needs: tuple[str, ...] = ()
    record_extractors: tuple[str, ...] = field(default=(), repr=False)
    """Extractors whose columns travel with the records: a run puts here what ``needs`` and
    ``group`` ask for."""

    def __post_init__(self) -> None:
        values = check_fields(self, JOB_FIELDS.values(), "Job.")
        if not values["key"] and self.map is None:
            raise UsageError(
                "Job.key needs at least one name, or a map that says which key an image has."
            )
        values["extract"] = tuple(
            dict.fromkeys((*values["extract"], *values["needs"], *self.record_extractors))
        )
        require_instance("Job.limits", self.limits, Limits)
        values["limits"] = replace(
            self.limits, **check_fields(self.limits, JOB_FIELDS.values(), "Limits.")
        )
        if self.edits is not None:
            require_instance("Job.edits", self.edits, Edits)
            values["edits"] = replace(
                self.edits, **check_fields(self.edits, JOB_FIELDS.values(), "Edits.")
            )
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def needs_bytes(self) -> bool:
        """Whether map reads whole images, not only their headers."""
        return self.decodes or self.map is not None

    @property
    def decodes(self) -> bool:
        """Whether map certainly reads whole images; a mapper of the user's may or may not."""
        return self.edits is not None or any(name != "header" for name in self.extract)

    @property
    def reduces(self) -> bool:
        """Whether there is anything to shuffle."""
        return self.reduce is not None or bool(self.group)

    def describe(self) -> dict[str, object]:
        """The job as plain data, for the plan hash, the report and the message about a different
        job.

        Functions are described by their name and a hash of their source, so that an edited
        mapper is a different job.
        """
        left_out = ("map", "reduce", "combine", "record_extractors")
        facts = {name: value for name, value in vars(self).items() if name not in left_out}
        facts |= {
            name: describe_function(getattr(self, name)) for name in ("map", "reduce", "combine")
        }
        facts["edits"] = asdict(self.edits) if self.edits else None
        if not self.needs:
            del facts["needs"]  # so that an OUT of before there was this field is still of this job
        limits = facts.pop("limits")
        facts |= {name: getattr(limits, name) for name in ("max_pixels", "allow_truncated")}
        # There and back, so that it is equal to what an earlier run has written down.
        described: dict[str, object] = msgspec.json.decode(msgspec.json.encode(facts))
        return described


@dataclass(frozen=True)
class Plan:
    """A job and its places, absolute, and how their stores are used. Tasks get it whole.

    ``lease`` names the run that holds OUT, so that its tasks stop once another run does; it is empty where OUT is local.
    """

    job: Job
    source: str
    out: str
    stores: StoreSettings = field(default_factory=StoreSettings)
    lease: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", absolute(self.source))
        object.__setattr__(self, "out", absolute(self.out))

    def hash(self) -> str:
        """Names the job on its source: the same description is the same plan."""
        text = msgspec.json.encode({**self.job.describe(), "source": self.source}, order="sorted")
        return hashlib.blake2b(text, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a job runs, as opposed to what it does: nothing here changes a result.

    ``fields.RUN`` says what each means. ``max_failures`` is a number of images or a share such
    as ``"5%"``, and ``command`` what the user typed, for the report. Raises UsageError for a
    value of the wrong kind.
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
    """A place as it is called from anywhere: the same for ``photos``, ``photos/`` and
    ``file:///home/me/photos``.

    >>> absolute("/a/../photos/"), absolute("s3://bucket/photos/")
    ('/photos', 's3://bucket/photos')
    """
    if not place:
        raise UsageError("Expected a place for SOURCE and for OUT, but received an empty text.")
    path = local_place(place)
    if path is not None:
        return local_uri(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
    return place if scheme(place) in ("http", "https") else place.rstrip("/")
