"""What is to be done: a Job; and where: a Plan, which is all that a task needs to know."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

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

Reducer = Callable[[str, Iterator[Value]], Iterable["Output"]]
"""``(key, values) -> outputs``, once per key; a generator function. Values come sorted by image, as a stream."""


@dataclass(frozen=True)
class Job:
    """What to do with a pile of images.

    ``map``, ``combine`` and ``reduce`` are the user's functions. Without ``map``, each image is one record
    under the key that ``key`` names. ``edits`` make an image from each image, ``group`` names built-in group
    reducers, and ``extract`` names the columns that map computes. A Job with neither edits nor a reducer is a
    catalogue: it reads headers and decodes nothing. ``include``, ``exclude`` and ``all_files`` say which files
    of the source are entries.
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
    shard_size: int = 256 << 20
    limits: Limits = field(default_factory=Limits)

    @property
    def needs_bytes(self) -> bool:
        """Whether map reads whole images, not only their headers."""
        return self.edits is not None or self.map is not None or any(name != "header" for name in self.extract)

    @property
    def reduces(self) -> bool:
        """Whether there is anything to shuffle."""
        return self.reduce is not None or bool(self.group)

    def describe(self) -> dict[str, object]:
        """The job as plain data, for the plan hash, the report and the message about a different job.

        Functions are described by their name and a hash of their source, so that an edited mapper is a
        different job.
        """
        facts = asdict(self)
        for name in ("map", "reduce", "combine"):
            facts[name] = _describe_function(facts[name])
        limits = facts.pop("limits")
        facts |= {name: limits[name] for name in ("max_pixels", "allow_truncated")}
        return _plain(facts)


@dataclass(frozen=True)
class Plan:
    """A job and its places. Tasks get it whole; ``out`` and ``source`` are what the user wrote."""

    job: Job
    source: str
    out: str

    def hash(self) -> str:
        """Names the job on its source: the same description is the same plan."""
        text = msgspec.json.encode({**self.job.describe(), "source": self.source}, order="sorted")
        return hashlib.blake2b(text, digest_size=8).hexdigest()


def _describe_function(function: Callable[..., object] | None) -> str | None:
    if function is None:
        return None
    name = f"{getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', type(function).__name__)}"
    try:
        text = inspect.getsource(function).encode()
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = code.co_code if code else repr(function).encode()
    return f"{name} ({hashlib.blake2b(text, digest_size=4).hexdigest()})"


def _plain(facts: Mapping[str, object]) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(dict(facts))
    return plain
