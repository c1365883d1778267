"""One image through the map phase: header, features, key-value pairs, and its edited self."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrimage.errors import ImageError, StoreError, brief
from mrimage.guard.failure import failure_of
from mrimage.guard.memory import was_refused
from mrimage.image import EXTRACTORS, Image
from mrimage.job.columns import columns_of
from mrimage.job.faults import bad_result_error, code_error
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Mapper, Value
from mrimage.mappers.keys import by_keys
from mrimage.shuffle.records import Record, make_records
from mrimage.storage.names import is_unicode
from mrimage.tables.fitting import misfits
from mrimage.tables.schemas import catalogue_schema
from mrimage.types import ByteSource, Entry, Failure

if TYPE_CHECKING:
    from mrimage.image import Encoded


@dataclass(frozen=True, slots=True)
class Mapped:
    """What map makes of one image: its catalogue row, its records, and its edited self where the job edits.

    A ``failure`` comes with a row of status ``quarantined`` and with no records; a row of status ``ignored`` is of a file that
    is no image of the source (see ``strays``).
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
    row = _row(entry)
    image = Image(source, job.limits, entry.path, whole=job.decodes)
    try:
        metadata = image.metadata
        row |= {
            name: getattr(metadata, name) for name in metadata.__dataclass_fields__
        }  # asdict copies, slowly
        row |= image.features([name for name in job.extract if EXTRACTORS[name].columns])
        _require_fit(row, job)
        carried = {column: row[column] for column in columns_of(job.record_extractors)}
        if carried:
            carried |= {"file": entry.file, "is_link": entry.is_link}
        pixels = metadata.width * metadata.height
        records = make_records(entry, pixels, _run_mapper(mapper, image), _named(mapper), carried)
        edited = image.edited(job.edits) if job.edits else None
        row["gain_map_kept"] = edited.gain_map_kept if edited else None
    except Exception as error:  # noqa: BLE001  # a fault of our own is recorded as one, and the run stops after a few
        if was_refused(error, _pixels_of(row)):
            error = MemoryError()
        return quarantined(entry, row, failure_of(entry.uri, "map", error))
    return Mapped(entry, row | {"status": "processed", "reason": None}, records, edited, None)


def quarantined(entry: Entry, row: dict[str, object], failure: Failure) -> Mapped:
    """An image set aside, with as much of its catalogue ``row`` as is known."""
    return Mapped(
        entry,
        _row(entry) | row | {"status": "quarantined", "reason": failure.reason},
        [],
        None,
        failure,
    )


def _pixels_of(row: dict[str, object]) -> int:
    """Pixels of the image, as far as its header was read."""
    width, height = row.get("width"), row.get("height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


def _require_fit(row: dict[str, object], job: Job) -> None:
    """Raise ImageError ``corrupt`` for a row that the catalogue cannot hold, and empty the columns at fault."""
    reasons = misfits(row, catalogue_schema(job.extract))
    if not reasons:
        return
    row |= dict.fromkeys(reasons)
    found = ", and ".join(f"{name} {reason}" for name, reason in reasons.items())
    raise ImageError(
        "corrupt", f"Expected facts that the catalogue can hold, but the file's {found}."
    )


def _row(entry: Entry) -> dict[str, object]:
    """What the catalogue says of ``entry`` before it is opened."""
    return {
        "uri": entry.uri,
        "size": entry.size,
        "version": entry.version,
        "file": entry.file or None,
    }


def _run_mapper(mapper: Mapper, image: Image) -> Iterator[tuple[str, Value]]:
    try:
        pairs = mapper(image)
        if not isinstance(pairs, Iterable):
            raise bad_result_error(
                f"{_named(mapper)} to yield (key, value)", f"it returned {brief(pairs)}", mapper
            )
        for pair in pairs:
            check_pair(pair, mapper, pairs)
            yield pair
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt, GeneratorExit):
        raise
    except (
        BaseException
    ) as error:  # SystemExit too, and what libraries in Rust raise when they panic
        raise code_error(_named(mapper), error) from error


def check_pair(pair: object, mapper: Mapper, pairs: object) -> None:
    """Raise CodeError for what is not a (text key, value) pair; ``pairs`` is the generator that yielded it."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
        raise bad_result_error(
            f"{_named(mapper)} to yield (text key, value)", f"received {brief(pair)}", mapper, pairs
        )
    if not is_unicode(pair[0]):
        raise bad_result_error(
            f"{_named(mapper)} to yield keys of valid Unicode",
            f"received {brief(pair[0])}",
            mapper,
            pairs,
        )


def _named(mapper: Mapper) -> str:
    return f"the mapper {name_function(mapper)}"


def mapper_of(job: Job) -> Mapper:
    """The job's own mapper, or the one that its ``key`` names."""
    return job.map or by_keys(job.key)
