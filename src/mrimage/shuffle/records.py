"""The shuffle's records: collected and combined in a map task, then written as sorted tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa

from mrimage.errors import CodeError, JobError, brief
from mrimage.job.faults import describe_with_line
from mrimage.job.functions import name_function
from mrimage.job.job import Combiner, Value
from mrimage.shuffle.values import UnfitValue, decode_value, encode_value
from mrimage.tables.entries import place_of, places_of
from mrimage.tables.schemas import MAPPED_MEMBERS, RECORDS
from mrimage.types import Entry

SPILL_RECORDS = 50_000
"""Records that a map task holds at most before it writes a part."""

SPILL_BYTES = 32 << 20
"""Bytes of values that a map task holds at most before it writes a part."""

LARGEST_VALUE = 1 << 30
"""Bytes of one value at most. A Parquet page holds whole values and counts its bytes in 31 bits."""

LARGEST_INT64 = (1 << 63) - 1
"""The largest number in an int64 column. Headers may claim 2^31 pixels a side, and the sum of a few
such images is larger."""

REFERENCE = -1
"""The number of a record that represents an image, beside what a combiner made of the mapper's
values."""

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
"""The columns of a part that ``from_batch`` reads."""

NO_COLUMNS: Mapping[str, Value] = {}
"""The columns of a record that has none."""


@dataclass(frozen=True, slots=True)
class Record:
    """One ``(key, value)`` pair.

    ``entry`` is the image that it came from, and ``seq`` its number among that image's pairs.
    ``data`` is MessagePack of the value, and of those columns of the image's catalogue row that the
    job's group reducers need. ``digest`` is 64 bits of the content; the sum of a group's digests is
    part of its fingerprint.

    ``images`` is 1 on the first record of an image under a key and 0 on the rest. So sums over
    records count each image, its ``size`` in bytes and its ``pixels`` once.
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
        """Columns of the image's catalogue row, on its first record under a key; else empty."""
        columns: Mapping[str, Value] = decode_value(self.data)[1]
        return columns


def make_records(
    entry: Entry,
    pixels: int,
    pairs: Iterator[tuple[str, Value]],
    maker: str = "the mapper",
    columns: Mapping[str, Value] = NO_COLUMNS,
) -> list[Record]:
    """Make records of an image's pairs, which ``maker`` yields.

    The first one under each key holds ``columns``. Raises JobError if a value is not plain data,
    because then the values of all other images are not either; CodeError if it is too large.
    """
    records: list[Record] = []
    seen: set[str] = set()
    for seq, (key, value) in enumerate(pairs):
        try:
            if key in seen:
                record = make_record(key, entry, seq, value, pixels=0, images=0)
            else:
                record = make_record(key, entry, seq, value, pixels, 1, columns)
        except UnfitValue as error:
            raise JobError(f"Expected {maker} to yield plain data, but {error}") from None
        except ValueError as error:
            kind = f"{maker} yielded too many bytes"
            raise CodeError(f"{maker} yielded {error}.", kind) from None
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
    columns: Mapping[str, Value] = NO_COLUMNS,
) -> Record:
    """Make a record; equal arguments give equal bytes and an equal digest.

    Raises UnfitValue if the value is not plain data, ValueError if it is too large.
    """
    data = _encode(key, value, columns)
    name = f"{key}\0{entry.uri}\0{entry.version}\0{seq}\0"
    content = name.encode() + data
    hashed = hashlib.blake2b(content, digest_size=8).digest()
    digest = int.from_bytes(hashed, "little")
    return Record(key, entry, seq, data, pixels, images, digest)


def _encode(key: str, value: Value, columns: Mapping[str, Value]) -> bytes:
    try:
        data = encode_value([value, dict(columns)])
    except UnfitValue as error:
        raise UnfitValue(f"the value of key {brief(key)} holds {error}.") from None
    if len(data) > LARGEST_VALUE:
        raise ValueError(
            f"{len(data):,} bytes as a value of key {brief(key)}, "
            f"but at most {LARGEST_VALUE:,} are possible"
        )
    return data


class Spill:
    """Collects a map task's records and writes them as sorted parts of a bounded size.

    Each part is two tables: ``records-N``, and ``members-N`` with the images under each key, which
    a combiner does not change. With ``references``, each image under a key gets a record of its
    own beside those that the combiner made, for the group reducers that look at images. Without
    ``members``, that table is left out: the records of a round have no images to count.
    """

    def __init__(
        self,
        combine: Combiner | None,
        write: Callable[[str, pa.Table], None],
        *,
        references: bool = False,
        members: bool = True,
    ) -> None:
        self._combine = combine
        self._write = write
        self._references = references
        self._members = members
        self._records: list[Record] = []
        self._bytes = 0
        self._parts = 0

    def add(self, records: list[Record]) -> None:
        """Add the records of one image, all at once, so that they are in one part."""
        self._records += records
        self._bytes += sum(len(record.data) for record in records)
        if len(self._records) >= SPILL_RECORDS or self._bytes >= SPILL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the records that are held as one part, if there are any."""
        for name, table in self.rest().items():
            self._write(name, table)

    def rest(self) -> dict[str, pa.Table]:
        """Return the records that are held as the tables of one part, for the caller to write.

        The result is empty if none are held.
        """
        if not self._records:
            return {}
        self._records.sort(key=_order)
        records = self._records
        if self._combine is not None:
            records = self._combined(self._combine)
        tables = {f"records-{self._parts:05}": to_table(records, RECORDS)}
        if self._members:
            tables[f"members-{self._parts:05}"] = to_members(self._records)
        self._records = []
        self._bytes = 0
        self._parts += 1
        return tables

    def _combined(self, combine: Combiner) -> list[Record]:
        name = name_function(combine)
        try:
            made = list(combined(self._records, combine, count=not self._references))
        except UnfitValue as error:
            raise JobError(
                f"Expected the combiner {name} to yield plain data, but {error}"
            ) from None
        except JobError:
            raise
        except Exception as error:
            raise JobError(f"The combiner {name} failed: {describe_with_line(error)}") from error
        if self._references:
            made += [reference_of(record) for record in self._records if record.images]
            made.sort(key=_order)
        return made


def _order(record: Record) -> tuple[str, str, int, bytes]:
    # Only records of a round can be equal but for their data.
    return record.key, record.entry.uri, record.seq, record.data


def reference_of(record: Record) -> Record:
    """Make a record that represents the image of ``record`` under its key, without a value."""
    return make_record(
        record.key,
        record.entry,
        REFERENCE,
        None,
        record.pixels,
        record.images,
        record.columns,
    )


def combined(records: list[Record], combine: Combiner, *, count: bool = True) -> Iterator[Record]:
    """Yield each key's values after ``combine``; ``records`` are sorted by key.

    The new records have the entry of the key's first image. The first of them has the sums of
    images, bytes and pixels; without ``count`` it has no images and no pixels, because other
    records count them.
    """
    for key, group in groupby(records, attrgetter("key")):
        members = list(group)
        values = combine(key, (record.value for record in members))
        if not isinstance(values, Iterable):
            raise JobError(
                f"Expected the combiner {name_function(combine)} to yield values, "
                f"but it returned {brief(values)}."
            )
        entry = members[0].entry
        firsts = [record for record in members if record.images]
        size = min(LARGEST_INT64, sum(record.entry.size for record in firsts))
        pixels = min(LARGEST_INT64, sum(record.pixels for record in firsts))
        images = sum(record.images for record in firsts)
        if not count:
            pixels = 0
            images = 0
        for seq, value in enumerate(values):
            if seq == 0:
                yield make_record(key, replace(entry, size=size), seq, value, pixels, images)
            else:
                yield make_record(key, entry, seq, value, pixels=0, images=0)


def to_members(records: Iterable[Record]) -> pa.Table:
    """The images under each key, one row each, in the order of ``records``.

    The columns are those of MAPPED_MEMBERS.
    """
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
    """The records as an Arrow table, one row each.

    Its bytes and pixels are 0 where a record is not its image's first, so that sums are right.
    """
    sizes = [record.entry.size if record.images else 0 for record in records]
    pixels = [record.pixels if record.images else 0 for record in records]
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
            pa.array(sizes, pa.int64()),
            pa.array(pixels, pa.int64()),
            pa.array([record.digest for record in records], pa.uint64()),
        ],
        schema=schema,
    )


def from_batch(batch: pa.RecordBatch) -> Iterator[Record]:
    """Yield rows of COLUMNS as records."""
    columns = (batch.column(name).to_pylist() for name in COLUMNS)
    for key, uri, seq, *rest in zip(*columns, strict=True):
        yield to_record(key, uri, seq, rest)


def to_record(key: str, uri: str, seq: int, rest: Sequence[Any]) -> Record:
    """Make a record of the values of COLUMNS; ``rest`` holds those from ``value`` on."""
    data, path, size, version, place, images, pixels, digest = rest
    entry = Entry(uri, path, size, version, place_of(place))
    return Record(key, entry, seq, data, pixels, images, digest)
