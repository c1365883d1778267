"""Group reducers by name: what ``--group`` can make of each key. To add one, write a generator
of outputs in a file of its own and register it here.

A reducer's file is imported when a job first asks for it, so that ``--help`` can name all of
them and load none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, cast

from mrimage.job.columns import columns_of
from mrimage.job.job import Job, Reducer, Value
from mrimage.job.kinds import require_known

if TYPE_CHECKING:
    from mrimage.shuffle.records import Record
    from mrimage.sink.output import Output

ReduceRecords: TypeAlias = "Callable[[str, Iterable[Record]], Iterable[Output]]"
"""``(key, records) -> outputs``; records come sorted by image."""


@dataclass(frozen=True, slots=True)
class GroupReducer:
    """A group reducer that a job can ask for by name.

    ``function`` is a ReduceRecords as ``module:name``. ``needs`` names the extractors whose
    columns it finds in ``record.columns``; ``pixels`` says whether it decodes images itself.
    """

    name: str
    function: str
    help: str
    needs: tuple[str, ...] = ()
    pixels: bool = False

    def load(self) -> ReduceRecords:
        """The function, imported."""
        module, _, name = self.function.partition(":")
        return cast(ReduceRecords, getattr(importlib.import_module(module), name))


_REDUCERS = (
    GroupReducer(
        "contact-sheet",
        "mrimage.reducers.sheet:reduce_to_sheet",
        "captioned thumbnails",
        pixels=True,
    ),
    GroupReducer(
        "duplicates",
        "mrimage.reducers.duplicates:reduce_to_duplicates",
        "clusters of equal and of similar images; decodes each image",
        needs=("hash",),
    ),
    GroupReducer(
        "mean",
        "mrimage.reducers.mean:reduce_to_mean",
        "the mean image",
        pixels=True,
    ),
)

GROUPS: Mapping[str, GroupReducer] = MappingProxyType({one.name: one for one in _REDUCERS})
"""What ``--group`` takes."""


def with_needs(job: Job) -> Job:
    """The job, whose records also carry the columns that its reducers need. Raises UsageError
    for an unknown reducer."""
    require_known("group", job.group, GROUPS)
    asked = [need for name in job.group for need in GROUPS[name].needs]
    return replace(job, carries=tuple(dict.fromkeys((*job.needs, *asked))))


def reducers_of(job: Job) -> list[ReduceRecords]:
    """The job's own reducer first, then those that ``group`` names."""
    own = [_of_values(job, job.reduce)] if job.reduce else []
    named = [GROUPS[name].load() for name in job.group]
    if job.combine is not None:
        named = [_of_references(reduce) for reduce in named]
    return own + named


def _of_values(job: Job, reduce: Reducer) -> ReduceRecords:
    """The user's reducer as one of records; it gets the values that ``Job`` promises."""
    columns = tuple(columns_of(job.needs))

    from mrimage.shuffle.records import REFERENCE

    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        plain = (record for record in records if record.seq != REFERENCE)
        if job.map is None:
            return reduce(key, _descriptions(plain, columns))
        if columns:
            return reduce(key, _with_columns(plain, columns))
        return reduce(key, (record.value for record in plain))

    return reducer


def _of_references(reduce: ReduceRecords) -> ReduceRecords:
    """``reduce`` on the records that stand for images, where a combiner has merged the values of the others."""
    from mrimage.shuffle.records import REFERENCE

    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        return reduce(key, (record for record in records if record.seq == REFERENCE))

    return reducer


def _descriptions(records: Iterable[Record], columns: Sequence[str]) -> Iterator[Value]:
    """The values of records that no mapper of the user's made: the image's names, and its
    ``columns``."""
    for record in records:
        names = {"uri": record.entry.uri, "path": record.entry.path}
        yield names | _chosen(record, columns)


def _with_columns(records: Iterable[Record], columns: Sequence[str]) -> Iterator[Value]:
    """The values, each with the ``columns`` of its image."""
    chosen: dict[str, Value] = {}
    for record in records:
        if record.images:  # an image's first record under a key carries them for the others
            chosen = _chosen(record, columns)
        value = record.value
        yield chosen | (value if isinstance(value, dict) else {"value": value})


def _chosen(record: Record, columns: Sequence[str]) -> dict[str, Value]:
    carried = record.columns if columns else {}
    return {name: carried[name] for name in columns}
