"""The job's own functions of images in a map task: extractors, and the batches of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from mrimage.errors import ImageError, JobError, MrimageError, StoreError, brief
from mrimage.guard.deadline import deadline, without_clock
from mrimage.image import Image
from mrimage.job.batched import Batched
from mrimage.job.faults import bad_result_error, code_error, describe_with_line
from mrimage.job.functions import name_function
from mrimage.job.job import Job
from mrimage.job.own_extractor import OwnExtractor
from mrimage.tables.fitting import misfits
from mrimage.tables.schemas import schema_of_columns
from mrimage.tables.source_columns import named_columns
from mrimage.tasks.each_image import Opened
from mrimage.types import Attempt


def own_columns(job: Job, image: Image) -> dict[str, object]:
    """Return the columns that the job's own extractors compute. Raises CodeError if one fails, and
    ImageError."""
    row: dict[str, object] = {}
    for extractor in job.own_extractors:
        row |= _columns_of(extractor, image)
    return row


def _columns_of(extractor: OwnExtractor, image: Image) -> dict[str, object]:
    who = f"the extractor {extractor.name}"
    names = [name for name, _ in extractor.columns]
    try:
        found = extractor(image)
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt):
        raise
    # Not only Exception: SystemExit too, and the panics of libraries written in Rust.
    except BaseException as error:
        raise code_error(who, error) from error
    if not isinstance(found, Mapping) or not set(found) <= set(names):
        expected = f"{who} to return a dictionary with the columns {', '.join(names)}"
        raise bad_result_error(expected, f"it returned {brief(found)}", extractor.function)
    row = {name: _plain(found.get(name)) for name in names}
    for name, reason in misfits(row, schema_of_columns(extractor.columns)).items():
        raise bad_result_error(f"{who} to fit its column {name}", reason, extractor.function)
    return row


def _plain(value: Any) -> Any:
    """Turn scalars and arrays of numpy, which Arrow would refuse, into those of Python."""
    return value.tolist() if hasattr(value, "tolist") else value


def in_batches(job: Job, opened: Iterable[Opened], attempt: Attempt) -> Iterator[Opened]:
    """Yield the images, after the job's batched functions have been prepared for them.

    Raises JobError if a set-up fails.
    """
    return chain.from_iterable(batches_of(job, opened, attempt))


def batches_of(
    job: Job, opened: Iterable[Opened], attempt: Attempt, fewest: int = 1
) -> Iterator[list[Opened]]:
    """Yield the images in batches, for which the job's batched functions have been prepared.

    A batch has ``fewest`` images, or more if a function takes more at a time. Raises JobError if a
    set-up fails.
    """
    functions = set_up(job)
    size = max([fewest, *(function.size for function in functions)])
    images = iter(opened)
    while batch := list(islice(images, size)):
        for function in functions:
            _prepare(function, job, batch, attempt)
        yield batch


def set_up(job: Job) -> list[Batched]:
    """Set up the job's batched functions, once in each process, and return them. Raises JobError if
    that fails."""
    functions = list(_batched_functions(job))
    for function in functions:
        _set_up(function)
    return functions


def _batched_functions(job: Job) -> Iterator[Batched]:
    candidates: list[Callable[..., Any] | None] = [job.map]
    candidates += [extractor.function for extractor in job.own_extractors]
    for function in candidates:
        if isinstance(function, Batched):
            yield function


def _set_up(function: Batched) -> None:
    try:
        function.set_up()
    except MrimageError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise JobError(
            f"The set-up of {name_function(function)} failed: {describe_with_line(error)}"
        ) from error


def _prepare(function: Batched, job: Job, batch: list[Opened], attempt: Attempt) -> None:
    """Compute the results of a batch. If that fails, there are none, and each image is done alone,
    which shows the one at fault."""
    images = list(_readable(job, batch))
    clock = deadline(job.limits.deadline * len(images), attempt.expendable)
    try:
        with clock:
            function.prepare(images)
    except KeyboardInterrupt:
        raise
    # Whatever the user's code raises, an image alone will raise it again. Not only Exception:
    # SystemExit too, and the panics of libraries written in Rust.
    except BaseException:  # noqa: BLE001
        function.forget()


def _readable(job: Job, batch: list[Opened]) -> Iterator[Image]:
    """Yield the images of a batch whose headers can be read."""
    for entry, source in batch:
        fields = named_columns(entry.fields, job.taken)
        image = Image(
            without_clock(source), job.limits, entry.path, whole=job.decodes, fields=fields
        )
        try:
            # Reading the header finds the files that are not images.
            _ = image.metadata
        except (ImageError, StoreError, MemoryError):
            continue
        yield image
