"""One image in the map phase: its header, features, key-value pairs, and edited copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mrimage.errors import ImageError, StoreError, brief
from mrimage.guard.failure import failure_of
from mrimage.guard.memory import was_refused
from mrimage.image import EXTRACTORS, Image
from mrimage.job.catalogue import mapped_catalogue_of
from mrimage.job.columns import columns_of
from mrimage.job.faults import bad_result_error, code_error
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Mapper, Plan, Value
from mrimage.mappers.keys import by_keys
from mrimage.shuffle.records import Record, make_records
from mrimage.storage.fields import encode_fields
from mrimage.storage.names import is_unicode
from mrimage.tables.fitting import misfits
from mrimage.tables.source_columns import named_columns
from mrimage.tasks.edit_image import ImageOutput, edit_image, gain_map_kept
from mrimage.tasks.kept_pictures import KeptPictures
from mrimage.tasks.own_code import own_columns
from mrimage.tasks.statistics import MemberStatistic
from mrimage.types import ByteSource, Entry, Failure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mrimage.image import Metadata
    from mrimage.image.network.session import Model


@dataclass(frozen=True, slots=True)
class Mapped:
    """What map makes of one image: its catalogue row, its records, its outputs, and
    what the second pass needs to edit it under other keys.

    With a ``failure``, the row's status is ``quarantined`` and there are no records. A row with the
    status ``ignored`` is of a file that is not an image of the source (see ``strays``).
    """

    entry: Entry
    row: dict[str, object]
    records: list[Record]
    outputs: list[ImageOutput]
    members: list[MemberStatistic]
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Begun:
    """An image whose features are known, except those of the job's model.

    ``model_input`` is what the model gets; None if the job has no model, or with a ``failure``.
    """

    entry: Entry
    row: dict[str, object]
    image: Image
    model_input: NDArray[Any] | None = None
    failure: Failure | None = None


def map_image(
    plan: Plan, mapper: Mapper, entry: Entry, source: ByteSource, model: Model | None = None
) -> Mapped:
    """Map one image; an image that fails gives a result too.

    ``model`` is that of a job which has a network. Raises StoreError if the bytes of the image
    cannot be read now but perhaps later.
    """
    begun = begin_image(plan.job, entry, source)
    outputs: Mapping[str, NDArray[Any]] = {}
    if model and begun.model_input is not None:
        [outputs] = model.run([begun.model_input])
    return finish_image(plan, mapper, begun, outputs)


def begin_image(job: Job, entry: Entry, source: ByteSource) -> Begun:
    """Read one image, and compute what needs no model.

    Raises StoreError like ``map_image``.
    """
    row = _row(entry)
    fields = named_columns(entry.fields, job.taken)
    image = Image(
        source,
        job.limits,
        entry.path,
        whole=job.decodes,
        fields=fields,
        watermarks=job.watermark_files,
    )
    try:
        row |= _facts_of(image.metadata)
        row |= image.features([name for name in job.built_in if not EXTRACTORS[name].model])
        model_input = image.model_input(job.network) if job.network else None
    except Exception as error:  # noqa: BLE001  # a bug of ours is recorded as one
        return Begun(entry, row, image, failure=_failure(entry, row, error))
    return Begun(entry, row, image, model_input)


def finish_image(
    plan: Plan, mapper: Mapper, begun: Begun, outputs: Mapping[str, NDArray[Any]]
) -> Mapped:
    """Map the image that was begun. ``outputs`` are what the job's model made of it, if it has one.

    Raises StoreError like ``map_image``.
    """
    job = plan.job
    entry = begun.entry
    row = begun.row
    image = begun.image
    if begun.failure:
        return quarantined(entry, row, begun.failure)
    try:
        if job.network:
            from mrimage.image.network.columns import network_columns

            found = network_columns(job.network, job.built_in, outputs, job.top, job.unsure)
            image.keep_model_columns(found)
            row |= found
        if job.example_set:
            from mrimage.patterns.examples import label_of

            vector: Any = row[job.example_set.column]
            labelled = label_of(job.example_set, vector, job.unsure)
            image.keep_model_columns(labelled)
            row |= labelled
        metadata = image.metadata
        row |= own_columns(job, image)
        _require_fit(row, job)
        columns = {column: row[column] for column in columns_of(job.record_extractors)}
        if columns:
            columns |= {"file": entry.file, "is_link": entry.is_link}
        pixels = metadata.width * metadata.height
        records = make_records(entry, pixels, _run_mapper(mapper, image), _named(mapper), columns)
        # Each key once, in the mapper's order.
        keys = list(dict.fromkeys(record.key for record in records))
        row["keys"] = keys
        made = edit_image(job, image, keys, partial(KeptPictures(plan.pictures).keep, entry))
        row["gain_map_kept"] = gain_map_kept(image, made)
    except Exception as error:  # noqa: BLE001  # a bug of ours is recorded as one
        return quarantined(entry, row, _failure(entry, row, error))
    row |= {"status": "processed", "reason": None}
    return Mapped(entry, row, records, made.outputs, made.members, None)


def _failure(entry: Entry, row: dict[str, object], error: Exception) -> Failure:
    """Why the image failed. Raises an error that is not the image's fault."""
    if was_refused(error, _pixels_of(row)):
        error = MemoryError()
    return failure_of(entry.uri, "map", error)


def quarantined(entry: Entry, row: dict[str, object], failure: Failure) -> Mapped:
    """The result for an image that failed, with as much of its catalogue ``row`` as is known."""
    row = _row(entry) | row | {"status": "quarantined", "reason": failure.reason}
    return Mapped(entry, row, [], [], [], failure)


def _facts_of(metadata: Metadata) -> dict[str, object]:
    # dataclasses.asdict would copy every value, which is slow.
    return {name: getattr(metadata, name) for name in metadata.__dataclass_fields__}


def _pixels_of(row: dict[str, object]) -> int:
    """The number of the image's pixels, or 0 if its header was not read."""
    width = row.get("width")
    height = row.get("height")
    if isinstance(width, int) and isinstance(height, int):
        return width * height
    return 0


def _require_fit(row: dict[str, object], job: Job) -> None:
    """Raise ImageError ``corrupt`` if the catalogue cannot hold the row; clear bad columns."""
    reasons = misfits(row, mapped_catalogue_of(job))
    if not reasons:
        return
    row |= dict.fromkeys(reasons)
    found = ", and ".join(f"{name} {reason}" for name, reason in reasons.items())
    raise ImageError("corrupt", f"The catalogue cannot hold what the file says: {found}.")


def _row(entry: Entry) -> dict[str, object]:
    """The columns of the catalogue that are known before the image is opened."""
    return {
        "uri": entry.uri,
        "size": entry.size,
        "version": entry.version,
        "file": entry.file or None,
        "path": entry.path,
        "fields": encode_fields(entry.fields),
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
    # Not only Exception: SystemExit too, and the panics of libraries written in Rust.
    except BaseException as error:
        raise code_error(_named(mapper), error) from error


def check_pair(pair: object, mapper: Mapper, pairs: object) -> None:
    """Raise CodeError if ``pair``, yielded by the generator ``pairs``, is not (text key, value)."""
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
    """The job's own mapper, or the one for its ``key``."""
    return job.map or by_keys(job.key, job.plain_edits, job.built_in)
