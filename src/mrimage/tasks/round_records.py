"""The records of a round: what its functions yield, checked, and what they read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow.parquet as pq

from mrimage.errors import CarelessError, JobError, StoreError, brief
from mrimage.job.faults import describe_with_line
from mrimage.job.job import Job, Value
from mrimage.reducers import values_of
from mrimage.rounds.round import Pairs
from mrimage.shuffle.records import Record, from_batch, make_record
from mrimage.shuffle.values import UnfitValue
from mrimage.storage import Store
from mrimage.storage.names import is_unicode
from mrimage.types import Entry

NO_IMAGE = Entry("", "", 0, "")
"""The entry of a record that belongs to no single image."""

BATCH = 10_000
"""Rows of a part that are decoded at once."""


def read_part(store: Store, path: str) -> Iterator[Record]:
    """Yield the records of one file of a table."""
    file = pq.ParquetFile(io.BytesIO(store.read(path)))
    for batch in file.iter_batches(BATCH):
        yield from from_batch(batch)


def with_values(
    job: Job, records: Iterable[Record], mapped: bool
) -> Iterator[tuple[Record, Value]]:
    """Yield each record with the value that the functions of a round get.

    If map has emitted the records (``mapped``), they get what the job's own reducer would get.
    """
    if mapped:
        return values_of(job, records)
    return ((record, record.value) for record in records)


def run_function(
    failed_on: Callable[[], str],
    function: Callable[..., Pairs],
    *arguments: Any,
    entry: Entry = NO_IMAGE,
) -> Iterator[Record]:
    """Yield the pairs that ``function(*arguments)`` yields, as records of ``entry``.

    Raises JobError if the function fails or yields anything else, StoreError if a store fails. The
    message begins with ``failed_on()``: which function failed on what.
    """
    try:
        pairs = function(*arguments)
        if isinstance(pairs, str | dict) or not isinstance(pairs, Iterable):
            raise JobError(f"It needs to yield (key, value), but it returned {brief(pairs)}.")
        for pair in pairs:
            yield _to_record(pair, entry)
    except (CarelessError, StoreError, KeyboardInterrupt, GeneratorExit):
        raise
    # Not only Exception: a function that calls sys.exit must not end the worker.
    except BaseException as error:
        reason = str(error) if isinstance(error, JobError) else describe_with_line(error)
        raise JobError(f"{failed_on()}. {reason}") from error


def _to_record(pair: object, entry: Entry) -> Record:
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
        raise JobError(f"It needs to yield (text key, value), but it yielded {brief(pair)}.")
    key, value = pair
    if not is_unicode(key):
        raise JobError(f"It needs to yield keys of valid Unicode, but it yielded {brief(key)}.")
    try:
        return make_record(key, entry, 0, value, pixels=0, images=0)
    except UnfitValue as error:
        raise JobError(f"It needs to yield plain data, but {error}") from None
    except ValueError as error:
        raise JobError(f"It yielded {error}.") from None
