"""What the images of each group are to match: their statistics, merged.

The contributions of a group are merged in the order of their images, wherever they were made, so the
result does not depend on how the work was divided, not even if a merge of the user's own is not
exact. They are streamed: memory holds one group's merged statistic and a few rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, tee
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import JobError, StoreError, brief
from mrimage.job.faults import describe_start, describe_with_line
from mrimage.job.functions import name_function
from mrimage.job.job import Job
from mrimage.shuffle.values import UnfitValue, decode_value, encode_value
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import GOALS, STATISTICS
from mrimage.tasks.statistics import OWN

ALL = ""
"""The uri of a goal that all images of a group share."""

_BATCH_ROWS = 1_000
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Contribution:
    """One row of STATISTICS, without what says where the image is."""

    key: str
    method: str
    uri: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Goal:
    """What the images of a group, or the image ``uri`` alone, are to match: encoded plain data."""

    key: str
    method: str
    uri: str
    value: bytes


def write_goals(job: Job, parts: list[str], target: Path, scratch: Path) -> None:
    """Write ``target``, a table of GOALS, from the tables of STATISTICS in the files ``parts``.

    Raises JobError if the job's own merge fails.
    """
    query = f"""
        SELECT key, method, uri, value FROM {read_parquet(parts, STATISTICS)}
        WHERE method <> '' OR {job.statistic is not None}
        ORDER BY key, method, rank, uri
    """
    with (
        connect(scratch) as connection,
        pq.ParquetWriter(target, GOALS, compression="zstd") as writer,
    ):
        # Values may be large, so that fewer of them are held at a time.
        stream = batches(connection, query, rows=_BATCH_ROWS)
        for table in _tables(_goals(job, _contributions(stream))):
            writer.write_table(table)


def _contributions(stream: Iterable[pa.RecordBatch]) -> Iterator[Contribution]:
    for batch in stream:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield Contribution(*row)


def _goals(job: Job, contributions: Iterable[Contribution]) -> Iterator[Goal]:
    for (key, method), group in groupby(contributions, attrgetter("key", "method")):
        if method == "deflicker":
            yield from _smoothed(key, group)
        else:
            yield Goal(key, method, ALL, _merged(_merge_of(job, method), key, group))


def _smoothed(key: str, group: Iterator[Contribution]) -> Iterator[Goal]:
    """Each image's place on the smooth curve of exposures. ``group`` is in time order."""
    from mrimage.image.group.deflicker import smoothed
    from mrimage.image.group.exposure import median_exposure

    # The curve is behind the images by half a window, which is all that tee holds.
    images, frames = tee(group)
    exposures = (median_exposure(decode_value(frame.value)) for frame in frames)
    for image, exposure in zip(images, smoothed(exposures), strict=True):
        goal: list[list[int]] = [] if exposure is None else [[exposure, 1]]
        yield Goal(key, image.method, image.uri, encode_value(goal))


def _merge_of(job: Job, method: str) -> Callable[[Any, Any], Any]:
    if method == OWN:
        assert job.statistic
        return job.statistic.merge
    from mrimage.image.group.methods import METHODS

    return METHODS[method].merge


def _merged(merge: Callable[[Any, Any], Any], key: str, group: Iterator[Contribution]) -> bytes:
    total = decode_value(next(group).value)
    name = f"the merge {name_function(merge)}"
    for contribution in group:
        try:
            total = merge(total, decode_value(contribution.value))
        except (StoreError, KeyboardInterrupt):
            raise
        # Not only Exception: a merge that calls sys.exit must not end the run without a word.
        except BaseException as error:
            raise JobError(
                f"{name[0].upper()}{name[1:]} failed on key {brief(key)}. "
                f"{describe_with_line(error)}"
            ) from error
    try:
        return encode_value(total)
    except UnfitValue as error:
        raise JobError(
            f"Expected {name} to return plain data, but for key {brief(key)} it returned {error}"
            f"{describe_start(merge)}."
        ) from None


def _tables(goals: Iterable[Goal]) -> Iterator[pa.Table]:
    """Yield the goals as tables of a bounded size."""
    held: list[Goal] = []
    size = 0
    for goal in goals:
        held.append(goal)
        size += len(goal.value)
        if len(held) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield _to_table(held)
            held = []
            size = 0
    yield _to_table(held)


def _to_table(goals: list[Goal]) -> pa.Table:
    columns: dict[str, Any] = {
        name: [getattr(goal, name) for goal in goals] for name in ("key", "method", "uri", "value")
    }
    columns["digest"] = [hashlib.blake2b(goal.value, digest_size=16).hexdigest() for goal in goals]
    return pa.table(columns, GOALS)
