"""Records on their way: collected and combined in a map task, spilled as parts sorted by key and image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa

from mrimage.errors import JobError, brief
from mrimage.job.faults import describe_at
from mrimage.job.functions import name_function
from mrimage.job.job import Combiner, Value
from mrimage.shuffle.values import UnfitValue, decode_value, encode_value
from mrimage.tables.entries import place_of, places_of
from mrimage.tables.schemas import MAPPED_MEMBERS, RECORDS
from mrimage.types import Entry

SPILL_RECORDS = 50_000
SPILL_BYTES = 32 << 20
"""A map task holds at most this many records, or this many bytes of their values, before it writes a part."""

LARGEST_VALUE = 1 << 30
"""Bytes of one value; Parquet counts the bytes of a page, which holds whole values, in 31 bits."""

LARGEST_INT64 = (1 << 63) - 1
"""The largest number of an int64 column. Headers may say 2^31 pixels a side, and a few such images exceed it."""

REFERENCE = -1
"""The number of a record that stands for an image beside what a combiner made of the mapper's values."""

COLUMNS = (
    "key",
    "uri",
    "seq",
    "value",
    "path",
    "size",
    "version",
    "place",
    "images",
    "pixels",
    "digest",
)
"""What ``from_batch`` reads of a part."""

NOTHING: Mapping[str, Value] = {}
"""Of a record that carries no columns."""


@dataclass(frozen=True, slots=True)
class Record:
    """One ``(key, value)`` pair, with the entry that it came from and its number ``seq`` among that image's.

    ``data`` is MessagePack: the value, and the columns of the image's catalogue row that the job's group reducers asked
    for. ``digest`` is 64 bits of the content, whose sum over a group is part of the group's fingerprint. ``images`` is 1 on the first record of an image under a key and 0 on
    its others, so that sums over records count images, their ``size`` in bytes and their ``pixels`` once.
    """

    key: str
    entry: Entry
    seq: int
    data: bytes
    pixels: int
    images: int
    digest: int

    @property
    def value(self) -> Value:
        return decode_value(self.data)[0]

    @property
    def columns(self) -> Mapping[str, Value]:
        """The columns that came along, by their names."""
        columns: Mapping[str, Value] = decode_value(self.data)[1]
        return columns


def make_records(
    entry: Entry,
    pixels: int,
    pairs: Iterator[tuple[str, Value]],
    maker: str = "the mapper",
    columns: Mapping[str, Value] = NOTHING,
) -> list[Record]:
    """An image's pairs, which ``maker`` yields, as records; the first one under each key has ``columns`` with it.

    Raises JobError for a value that cannot travel: no other image's will either.
    """
    records: list[Record] = []
    seen: set[str] = set()
    for seq, (key, value) in enumerate(pairs):
        first = key not in seen
        along = columns if first else NOTHING
        try:
            record = make_record(key, entry, seq, value, pixels if first else 0, int(first), along)
        except UnfitValue as error:
            raise JobError(f"Expected {maker} to yield plain data, but {error}") from None
        records.append(record)
        seen.add(key)
    return records


def make_record(
    key: str,
    entry: Entry,
    seq: int,
    value: Value,
    pixels: int,
    images: int,
    columns: Mapping[str, Value] = NOTHING,
) -> Record:
    """A record from its parts; the same parts make the same bytes and digest. Raises ValueError for a value that is
    no plain data (UnfitValue)."""
    data = _encode(key, value, columns)
    text = f"{key}\0{entry.uri}\0{entry.version}\0{seq}\0".encode() + data
    digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return Record(key, entry, seq, data, pixels, images, digest)


def _encode(key: str, value: Value, columns: Mapping[str, Value]) -> bytes:
    try:
        data = encode_value([value, dict(columns)])
    except UnfitValue as error:
        raise UnfitValue(f"the value of key {brief(key)} holds {error}.") from None
    if len(data) > LARGEST_VALUE:
        raise ValueError(f"received {len(data):,} bytes as a value of key {brief(key)}")
    return data


class Spill:
    """Collects a map task's records and hands them on as sorted Arrow tables, a bounded number at a time.

    Each part is two tables by name: ``records-N``, and ``members-N`` with the images under each key, which a combiner
    takes nothing from. With ``references`` each image under a key has a record of its own beside those that the
    combiner made, for the group reducers that look at images.
    """

    def __init__(
        self,
        combine: Combiner | None,
        write: Callable[[str, pa.Table], None],
        *,
        references: bool = False,
    ) -> None:
        self._combine, self._write, self._references = combine, write, references
        self._records: list[Record] = []
        self._bytes = self._parts = 0

    def add(self, records: list[Record]) -> None:
        """Take the records of one image, all at once, so that they lie in one part."""
        self._records += records
        self._bytes += sum(len(record.data) for record in records)
        if len(self._records) >= SPILL_RECORDS or self._bytes >= SPILL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one part; nothing held writes none."""
        for name, table in self.rest().items():
            self._write(name, table)

    def rest(self) -> dict[str, pa.Table]:
        """What is held as the tables of one part, for the caller to write; empty where nothing is."""
        if not self._records:
            return {}
        self._records.sort(key=_order)
        members = to_members(self._records)
        records = self._records if self._combine is None else self._combined(self._combine)
        tables = {
            f"records-{self._parts:05}": to_table(records, RECORDS),
            f"members-{self._parts:05}": members,
        }
        self._records, self._bytes, self._parts = [], 0, self._parts + 1
        return tables

    def _combined(self, combine: Combiner) -> list[Record]:
        try:
            made = list(combined(self._records, combine, count=not self._references))
        except UnfitValue as error:
            name = name_function(combine)
            raise JobError(
                f"Expected the combiner {name} to yield plain data, but {error}"
            ) from None
        except JobError:
            raise
        except Exception as error:
            name = name_function(combine)
            raise JobError(f"The combiner {name} failed: {describe_at(error)}") from error
        if self._references:
            made += map(reference_of, [record for record in self._records if record.images])
            made.sort(key=_order)
        return made


def _order(record: Record) -> tuple[str, str, int]:
    return record.key, record.entry.uri, record.seq


def reference_of(record: Record) -> Record:
    """A record that stands for the image of ``record`` under its key and has no value of the mapper's."""
    return make_record(
        record.key, record.entry, REFERENCE, None, record.pixels, record.images, record.columns
    )


def combined(records: list[Record], combine: Combiner, *, count: bool = True) -> Iterator[Record]:
    """Records sorted by key, each key's values shrunk by ``combine``.

    What is left of a key bears the name of its first image, and its sums of images and sizes move there; without
    ``count`` they stay out, because other records count the images.
    """
    for key, group in groupby(records, attrgetter("key")):
        members = list(group)
        first = members[0]
        firsts = [record for record in members if record.images]
        size = min(LARGEST_INT64, sum(record.entry.size for record in firsts))
        pixels = min(LARGEST_INT64, sum(record.pixels for record in firsts))
        total = replace(first.entry, size=size)
        values = combine(key, (record.value for record in members))
        if not isinstance(values, Iterable):
            raise JobError(
                f"Expected {name_function(combine)} to yield values, but it returned {brief(values)}."
            )
        for seq, value in enumerate(values):
            yield make_record(
                key,
                total if seq == 0 else first.entry,
                seq,
                value,
                pixels if count and seq == 0 else 0,
                sum(record.images for record in firsts) if count and seq == 0 else 0,
            )


def to_members(records: Iterable[Record]) -> pa.Table:
    """The images under each key, a row each, in the order of ``records`` (columns of MAPPED_MEMBERS)."""
    firsts = [record for record in records if record.images]
    return pa.Table.from_arrays(
        [
            pa.array([record.key for record in firsts], pa.string()),
            pa.array([record.entry.uri for record in firsts], pa.string()),
            pa.array([record.entry.size for record in firsts], pa.int64()),
            pa.array([record.pixels for record in firsts], pa.int64()),
        ],
        schema=MAPPED_MEMBERS,
    )


def to_table(records: list[Record], schema: pa.Schema) -> pa.Table:
    """Records as Arrow, a row each."""
    return pa.Table.from_arrays(
        [
            pa.array([record.key for record in records], pa.string()),
            pa.array([record.entry.uri for record in records], pa.string()),
            pa.array([record.seq for record in records], pa.int32()),
            pa.array([record.data for record in records], pa.binary()),
            pa.array([record.entry.path for record in records], pa.string()),
            pa.array([record.entry.size for record in records], pa.int64()),
            pa.array([record.entry.version for record in records], pa.string()),
            places_of(record.entry for record in records),
            pa.array([record.images for record in records], pa.int64()),
            pa.array([record.entry.size if record.images else 0 for record in records], pa.int64()),
            pa.array([record.pixels if record.images else 0 for record in records], pa.int64()),
            pa.array([record.digest for record in records], pa.uint64()),
        ],
        schema=schema,
    )


def from_batch(batch: pa.RecordBatch) -> Iterator[Record]:
    """Rows of COLUMNS as records."""
    columns = (batch.column(name).to_pylist() for name in COLUMNS)
    for key, uri, seq, *rest in zip(*columns, strict=True):
        yield to_record(key, uri, seq, rest)


def to_record(key: str, uri: str, seq: int, rest: Sequence[Any]) -> Record:
    """A record from the values of COLUMNS, of which ``rest`` are those from ``value`` on."""
    data, path, size, version, place, images, pixels, digest = rest
    return Record(
        key, Entry(uri, path, size, version, place_of(place)), seq, data, pixels, images, digest
    )
