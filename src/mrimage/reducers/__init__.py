"""Group reducers by name: what ``--group`` can make of each key.

To add one, write a generator of outputs in a file of its own, and register it here. The file is
imported only when a job uses the reducer, so that ``--help`` can name all of them and load none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, cast

from mrimage.errors import UsageError, brief, quoted
from mrimage.installed import installed, load_installed
from mrimage.job.columns import columns_of
from mrimage.job.job import Job, Reducer, Value
from mrimage.job.option_types import require_known

if TYPE_CHECKING:
    from mrimage.shuffle.records import Record
    from mrimage.sink.output import Output

ReduceRecords: TypeAlias = "Callable[[str, Iterable[Record]], Iterable[Output]]"
"""``(key, records) -> outputs``. The records come sorted by image."""


@dataclass(frozen=True, slots=True)
class GroupReducer:
    """A group reducer that a job can use by name.

    ``function`` is a ReduceRecords as ``module:name``. ``needs`` names the extractors whose columns
    it reads from ``record.columns``. ``pixels`` says whether it decodes images itself.
    """

    name: str
    function: str
    help: str
    needs: tuple[str, ...] = ()
    pixels: bool = False

    def load(self) -> ReduceRecords:
        """Import the function."""
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

GROUPS: Mapping[str, GroupReducer] = MappingProxyType(
    {reducer.name: reducer for reducer in _REDUCERS}
)
"""The group reducers that ``--group`` accepts, by name."""


def group_reducer(name: str) -> GroupReducer:
    """Return the group reducer of this name, built in or of an installed package.

    The entry point of a package is a GroupReducer. Raises UsageError for an unknown name.
    """
    if name in GROUPS:
        return GROUPS[name]
    require_known("group", [name], [*GROUPS, *installed("reducers")])
    found = load_installed("reducers", name)
    if not isinstance(found, GroupReducer):
        raise UsageError(
            f"group needs a mrimage.reducers.GroupReducer, but {quoted(name)} is {brief(found)}."
        )
    return found


def with_needs(job: Job) -> Job:
    """Return the job with the columns that its reducers need added to its records.

    Raises UsageError for an unknown reducer.
    """
    needs = list(job.needs)
    for name in job.group:
        needs += group_reducer(name).needs
    # A dict keeps the first of each, in order.
    return replace(job, record_extractors=tuple(dict.fromkeys(needs)))


def reducers_of(job: Job) -> list[ReduceRecords]:
    """List the job's own reducer, then those that ``group`` names."""
    own = [_of_values(job, job.reduce)] if job.reduce else []
    named = [group_reducer(name).load() for name in job.group]
    if job.combine is not None:
        named = [_of_references(reduce) for reduce in named]
    return own + named


def _of_values(job: Job, reduce: Reducer) -> ReduceRecords:
    """Turn the user's reducer into one of records; it receives the values that ``Job`` promises."""

    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        return reduce(key, (value for _, value in values_of(job, records)))

    return reducer


def values_of(job: Job, records: Iterable[Record]) -> Iterator[tuple[Record, Value]]:
    """Yield the records that map has emitted, each with the value that ``Job`` promises.

    They are sorted by key, image and number.
    """
    from mrimage.shuffle.records import REFERENCE

    columns = tuple(columns_of(job.needs))
    mapped = (record for record in records if record.seq != REFERENCE)
    if job.map is None:
        return _descriptions(mapped, columns)
    if columns:
        return _with_columns(mapped, columns)
    return ((record, record.value) for record in mapped)


def _of_references(reduce: ReduceRecords) -> ReduceRecords:
    """Limit ``reduce`` to the records that represent images.

    A combiner has merged the values of all other records.
    """
    from mrimage.shuffle.records import REFERENCE

    @wraps(reduce)
    def reducer(key: str, records: Iterable[Record]) -> Iterable[Output]:
        return reduce(key, (record for record in records if record.seq == REFERENCE))

    return reducer


def _descriptions(
    records: Iterable[Record], columns: Sequence[str]
) -> Iterator[tuple[Record, Value]]:
    """Yield the values for a job without a mapper: each image's names and ``columns``."""
    for record in records:
        names = {"uri": record.entry.uri, "path": record.entry.path}
        yield record, names | _chosen(record, columns)


def _with_columns(
    records: Iterable[Record], columns: Sequence[str]
) -> Iterator[tuple[Record, Value]]:
    """Yield the values, each with the ``columns`` of its image."""
    chosen: dict[str, Value] = {}
    for record in records:
        if record.images:  # only an image's first record under a key has columns
            chosen = _chosen(record, columns)
        value = record.value
        if not isinstance(value, dict):
            value = {"value": value}
        yield record, chosen | value


def _chosen(record: Record, columns: Sequence[str]) -> dict[str, Value]:
    if not columns:
        return {}  # reading ``record.columns`` decodes the record
    found = record.columns
    return {name: found[name] for name in columns}
