"""Group reducers by name: what ``--group`` can make of each key. To add one, write a generator of outputs in a
file of its own and register it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MappingProxyType

from mrimage.errors import unknown
from mrimage.job.job import Job, Reducer
from mrimage.reducers.context import Context, running
from mrimage.reducers.duplicates import reduce_to_duplicates
from mrimage.reducers.mean import reduce_to_mean
from mrimage.reducers.sheet import contact_sheet, reduce_to_sheet
from mrimage.shuffle.records import REFERENCE, Record
from mrimage.sink.output import Output

__all__ = ["GROUPS", "Context", "GroupReducer", "contact_sheet", "reducers_of", "running"]

GroupReducer = Callable[[str, Iterable[Record]], Iterable[Output]]
"""``(key, records) -> outputs``; records come sorted by image."""

GROUPS: Mapping[str, GroupReducer] = MappingProxyType(
    {"contact-sheet": reduce_to_sheet, "duplicates": reduce_to_duplicates, "mean": reduce_to_mean}
)


def reducers_of(job: Job) -> list[GroupReducer]:
    """The job's own reducer first, then those that ``group`` names. Raises UsageError for an unknown one."""
    for name in job.group:
        if name not in GROUPS:
            raise unknown("--group", name, GROUPS)
    own = [_of_values(job.reduce)] if job.reduce else []
    named = [GROUPS[name] for name in dict.fromkeys(job.group)]
    return own + (named if job.combine is None else list(map(_of_references, named)))


def _of_values(reduce: Reducer) -> GroupReducer:
    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        return reduce(key, (record.value for record in records if record.seq != REFERENCE))

    return reducer


def _of_references(reduce: GroupReducer) -> GroupReducer:
    """``reduce`` on the records that stand for images, where a combiner has merged the values of the others."""

    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        return reduce(key, (record for record in records if record.seq == REFERENCE))

    return reducer
