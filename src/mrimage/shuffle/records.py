"""Records on their way: collected and combined in a map task, spilled as parts sorted by key and image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import msgspec
import pyarrow as pa

from mrimage.errors import ImageError, JobError, brief, describe
from mrimage.job.functions import name_function
from mrimage.job.job import Combiner, Value
from mrimage.types import Entry

SPILL_RECORDS = 50_000
SPILL_BYTES = 32 << 20
"""A map task holds at most this many records, or this many bytes of their values, before it writes a part."""

COLUMNS = ("key", "uri", "seq", "value", "path", "size", "version", "images", "pixels", "digest")
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
        return msgspec.msgpack.decode(self.data)[0]

    @property
    def carried(self) -> Mapping[str, Value]:
        """The columns that came along, by their names."""
        carried: Mapping[str, Value] = msgspec.msgpack.decode(self.data)[1]
        return carried


def make_records(
    entry: Entry,
    pixels: int,
    pairs: Iterator[tuple[str, Value]],
    maker: str = "the mapper",
    carried: Mapping[str, Value] = NOTHING,
) -> list[Record]:
    """An image's pairs, which ``maker`` yields, as records; the first one under each key has ``carried`` with it. Raises ImageError ``mapper-failed`` for a pair that is
    not a text key with a value of plain data."""
    records: list[Record] = []
    seen: set[str] = set()
    for seq, pair in enumerate(pairs):
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ImageError(
                "mapper-failed",
                f"Expected {maker} to yield (text key, value), but received {brief(pair)}.",
            )
        key, value = pair
        if not _is_unicode(key):
            raise ImageError(
                "mapper-failed",
                f"Expected {maker} to yield keys of valid Unicode, but received {brief(key)}.",
            )
        first = key not in seen
        try:
            along = carried if first else NOTHING
            records.append(
                make_record(key, entry, seq, value, pixels if first else 0, int(first), along)
            )
        except ValueError as error:
            raise ImageError(
                "mapper-failed", f"Expected {maker} to yield plain data, but {error}."
            ) from None
        seen.add(key)
    return records


def _is_unicode(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def make_record(
    key: str,
    entry: Entry,
    seq: int,
    value: Value,
    pixels: int,
    images: int,
    carried: Mapping[str, Value] = NOTHING,
) -> Record:
    """A record from its parts; the same parts make the same bytes and digest. Raises ValueError for a value that is
    no plain data."""
    data = _encode(key, value, carried)
    text = f"{key}\0{entry.uri}\0{entry.version}\0{seq}\0".encode() + data
    digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return Record(key, entry, seq, data, pixels, images, digest)


def _encode(key: str, value: Value, carried: Mapping[str, Value]) -> bytes:
    try:
        return msgspec.msgpack.encode((value, carried), order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"received {type(value).__name__} as a value of key {brief(key)} ({error})"
        ) from None


class Spill:
    """Collects a map task's records and hands them on as sorted Arrow tables, a bounded number at a time."""

    def __init__(
        self, combine: Combiner | None, schema: pa.Schema, write: Callable[[int, pa.Table], None]
    ) -> None:
        self._combine, self._schema, self._write = combine, schema, write
        self._records: list[Record] = []
        self._bytes = self._parts = 0

    def add(self, records: list[Record]) -> None:
        self._records += records
        self._bytes += sum(len(record.data) for record in records)
        if len(self._records) >= SPILL_RECORDS or self._bytes >= SPILL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one part; nothing held writes none."""
        if part := self.rest():
            self._write(*part)

    def rest(self) -> tuple[int, pa.Table] | None:
        """What is held as one part, its number first, for the caller to write; None where nothing is."""
        if not self._records:
            return None
        self._records.sort(key=lambda record: (record.key, record.entry.uri, record.seq))
        records = self._records if self._combine is None else self._combined(self._combine)
        part = self._parts, to_table(records, self._schema)
        self._records, self._bytes, self._parts = [], 0, self._parts + 1
        return part

    def _combined(self, combine: Combiner) -> list[Record]:
        try:
            return list(combined(self._records, combine))
        except Exception as error:
            name = name_function(combine)
            raise JobError(f"The combiner {name} failed: {describe(error)}") from error


def combined(records: list[Record], combine: Combiner) -> Iterator[Record]:
    """Records sorted by key, each key's values shrunk by ``combine``.

    What is left of a key bears the name of its first image, and its sums of images and sizes move there.
    """
    for key, group in groupby(records, attrgetter("key")):
        members = list(group)
        first = members[0]
        firsts = [record for record in members if record.images]
        total = Entry(
            first.entry.uri,
            first.entry.path,
            sum(r.entry.size for r in firsts),
            first.entry.version,
        )
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
                sum(record.pixels for record in firsts) if seq == 0 else 0,
                sum(record.images for record in firsts) if seq == 0 else 0,
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
            pa.array([record.images for record in records], pa.int64()),
            pa.array([record.entry.size if record.images else 0 for record in records], pa.int64()),
            pa.array([record.pixels if record.images else 0 for record in records], pa.int64()),
            pa.array([record.digest for record in records], pa.uint64()),
        ],
        schema=schema,
    )


def from_batch(batch: pa.RecordBatch) -> Iterator[Record]:
    """Rows of COLUMNS as records."""
    for key, uri, seq, data, path, size, version, images, pixels, digest in zip(
        *(batch.column(name).to_pylist() for name in COLUMNS), strict=True
    ):
        yield Record(key, Entry(uri, path, size, version), seq, data, pixels, images, digest)
