"""What is to be done: a Job; and where: a Plan, which is all that a task needs to know."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import UsageError, brief
from mrimage.job.functions import describe_function
from mrimage.storage.names import local_path, local_uri, scheme
from mrimage.storage.settings import Settings
from mrimage.types import Edits, Limits

if TYPE_CHECKING:
    from mrimage.image import Image
    from mrimage.sink.output import Output

Value = Any
"""A record's value: plain data (None, bool, int, float, str, bytes, datetime, list, dict), never pixels."""

Mapper = Callable[["Image"], Iterable[tuple[str, Value]]]
"""``image -> (key, value)`` pairs; a generator function."""

Combiner = Callable[[str, Iterable[Value]], Iterable[Value]]
"""``(key, values) -> fewer values``, inside one map task; runs zero or more times."""

NEEDS: Mapping[str, str] = {"duplicates": "hash"}
"""Group reducers whose records carry the columns of an extractor, so that no pixel is decoded again in reduce."""

Reducer = Callable[[str, Iterator[Value]], Iterable["Output"]]
"""``(key, values) -> outputs``, once per key; a generator function. Values come sorted by image, as a stream."""


@dataclass(frozen=True)
class Job:
    """What to do with a pile of images.

    ``map``, ``combine`` and ``reduce`` are the user's functions. Without ``map``, each image is one record
    under the key that ``key`` names. ``edits`` make an image from each image, ``group`` names built-in group
    reducers, and ``extract`` names the columns that map computes; a reducer that needs some adds their extractor. A Job with neither edits nor a reducer is a
    catalogue: it reads headers and decodes nothing. ``include``, ``exclude`` and ``all_files`` say which files
    of the source are entries. ``output`` names the sink of edited images: ``files``, or ``webdataset`` or
    ``parquet`` for shards of at most about ``shard_size`` bytes. Where several names may stand, one will do:
    ``key="camera"``.
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

    def __post_init__(self) -> None:
        for name in ("key", "extract", "group", "include", "exclude"):
            given = getattr(self, name)
            if not isinstance(given, Iterable):
                raise UsageError(
                    f"Expected {name} of the job as text, or several, but received {brief(given)}."
                )
            names = (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
            object.__setattr__(self, name, names)
        for name, kind in (("edits", Edits | None), ("limits", Limits)):
            if not isinstance(given := getattr(self, name), kind):
                raise UsageError(
                    f"Expected {name} of the job as mrimage.{name.title()}, but received {brief(given)}."
                )
        object.__setattr__(self, "extract", tuple(dict.fromkeys((*self.extract, *self.needs))))

    @property
    def needs(self) -> tuple[str, ...]:
        """The extractors whose columns travel with the records, because a group reducer asked for them."""
        return tuple(dict.fromkeys(NEEDS[name] for name in self.group if name in NEEDS))

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
        """The job as plain data, for the plan hash, the report and the message about a different job.

        Functions are described by their name and a hash of their source, so that an edited mapper is a
        different job.
        """
        facts = {
            name: value
            for name, value in vars(self).items()
            if name not in ("map", "reduce", "combine")
        }
        facts |= {
            name: describe_function(getattr(self, name)) for name in ("map", "reduce", "combine")
        }
        facts["edits"] = asdict(self.edits) if self.edits else None
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
    stores: Settings = field(default_factory=Settings)
    lease: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", absolute(self.source))
        object.__setattr__(self, "out", absolute(self.out))

    def hash(self) -> str:
        """Names the job on its source: the same description is the same plan."""
        text = msgspec.json.encode({**self.job.describe(), "source": self.source}, order="sorted")
        return hashlib.blake2b(text, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class How:
    """How a job runs, as opposed to what it does: nothing here changes a result."""

    engine: str = "local"
    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    fresh: bool = False
    max_failures: str | None = None
    quiet: bool = True
    thumbnails: bool = True
    command: str = ""
    stores: Settings = field(default_factory=Settings)


def absolute(place: str) -> str:
    """A place as it is called from anywhere: the same for ``photos``, ``photos/`` and ``file:///home/me/photos``.

    >>> absolute("/a/../photos/"), absolute("s3://bucket/photos/")
    ('/photos', 's3://bucket/photos')
    """
    if not place:
        raise UsageError("Expected a place for SOURCE and for OUT, but received an empty text.")
    if scheme(place) == "file":
        return local_uri(os.path.abspath(local_path(place)))  # noqa: PTH100  # resolve() would follow links
    return place if scheme(place) in ("http", "https") else place.rstrip("/")
