"""One image through the map phase: header, features, key-value pairs, and its edited self."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrimage.errors import ImageError, StoreError, brief, describe
from mrimage.guard.failure import failure_of
from mrimage.image import EXTRACTORS, Image
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Mapper, Value
from mrimage.mappers.keys import by_keys
from mrimage.shuffle.records import Record, make_records
from mrimage.types import ByteSource, Entry, Failure

if TYPE_CHECKING:
    from mrimage.image import Encoded


@dataclass(frozen=True, slots=True)
class Mapped:
    """What map makes of one image: its catalogue row, its records, and its edited self where the job edits.

    A ``failure`` comes with a row of status ``quarantined`` and with no records.
    """

    entry: Entry
    row: dict[str, object]
    records: list[Record]
    edited: Encoded | None
    failure: Failure | None

    @property
    def keys(self) -> list[str]:
        """The keys that the image was put under, each once, in the mapper's order."""
        return list(dict.fromkeys(record.key for record in self.records))


def map_image(job: Job, mapper: Mapper, entry: Entry, source: ByteSource) -> Mapped:
    """Map one image; an image that fails is a result too.

    Raises StoreError when its bytes cannot be had for a reason that may pass.
    """
    row: dict[str, object] = {"uri": entry.uri, "size": entry.size, "version": entry.version}
    image = Image(source, job.limits, entry.path)
    try:
        metadata = image.metadata
        row |= {
            name: getattr(metadata, name) for name in metadata.__dataclass_fields__
        }  # asdict copies, slowly
        row |= image.features([name for name in job.extract if EXTRACTORS[name].columns])
        carried = {column: row[column] for name in job.needs for column in EXTRACTORS[name].columns}
        pixels = metadata.width * metadata.height
        records = make_records(entry, pixels, _run_mapper(mapper, image), _named(mapper), carried)
        edited = image.edited(job.edits) if job.edits else None
    except (ImageError, StoreError, MemoryError) as error:
        return quarantined(entry, row, failure_of(entry.uri, "map", error))
    return Mapped(entry, row | {"status": "processed", "reason": None}, records, edited, None)


def quarantined(entry: Entry, row: dict[str, object], failure: Failure) -> Mapped:
    """An image set aside, with as much of its catalogue ``row`` as is known."""
    facts = {"uri": entry.uri, "size": entry.size, "version": entry.version}
    return Mapped(
        entry, facts | row | {"status": "quarantined", "reason": failure.reason}, [], None, failure
    )


def _run_mapper(mapper: Mapper, image: Image) -> Iterator[tuple[str, Value]]:
    try:
        pairs = mapper(image)
        if not isinstance(pairs, Iterable):
            raise ImageError(
                "mapper-failed",
                f"Expected {_named(mapper)} to yield (key, value), but it returned {brief(pairs)}.",
            )
        yield from pairs
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt, GeneratorExit):
        raise
    except (
        BaseException
    ) as error:  # SystemExit too, and what libraries in Rust raise when they panic
        raise ImageError("mapper-failed", f"{_named(mapper)} raised {describe(error)}") from error


def _named(mapper: Mapper) -> str:
    return f"the mapper {name_function(mapper)}"


def mapper_of(job: Job) -> Mapper:
    """The job's own mapper, or the one that its ``key`` names."""
    return job.map or by_keys(job.key)
