"""The exchange of records for engines without one of their own: reduce tasks pull them out of OUT.

Map tasks leave records in tables sorted by key. Parquet stores the first and the last key of every
row group, so a reduce task reads only the row groups that overlap its range of keys: in place if
OUT is a local folder, and by range requests if it is remote.
"""

from __future__ import annotations

import io
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.shuffle.planning import sorted_records
from mrimage.shuffle.records import Record
from mrimage.storage import Store, open_store
from mrimage.storage.parallel import in_parallel
from mrimage.storage.settings import StoreSettings
from mrimage.tables.schemas import RECORDS, WEIGHED
from mrimage.types import Attempt, Partition, TaskReport

GroupFunction = Callable[[Partition, Iterator[Record], Attempt], TaskReport]
"""``(partition, records, attempt) -> report``: what a reduce task does.

The records are all of the partition's, sorted by key, image and number (and by value, if the
exchange says so), as a stream. cloudpickle can pickle the function, and running it twice does no
harm.
"""

SMALL = 256 << 10
"""Bytes up to which a table is read whole: one request for all costs less than two for a part."""


@dataclass(frozen=True, slots=True)
class SortedTable:
    """A table below OUT whose rows are sorted by key.

    ``size`` is in bytes. ``ranges`` holds the first and last key of each row group, or None if they
    are unknown, because Parquet leaves out very long ones.
    """

    name: str
    size: int
    ranges: tuple[tuple[str, str] | None, ...]

    def overlapping(self, first: str, last: str) -> list[int]:
        """The numbers of the row groups that may hold a key from ``first`` to ``last``."""
        found = []
        for number, keys in enumerate(self.ranges):
            if _overlaps(keys, first, last):
                found.append(number)
        return found


@dataclass(frozen=True, slots=True)
class Exchange:
    """A planned shuffle: the tables of records below ``out``, and their partitions by key.

    If some groups are already reduced, ``pending`` is the table of the keys that are not. With
    ``by_value``, records of the same key, image and number are sorted by value.
    """

    out: str
    tables: tuple[SortedTable, ...] = ()
    partitions: tuple[Partition, ...] = ()
    pending: SortedTable | None = None
    stores: StoreSettings = field(default_factory=StoreSettings)
    by_value: bool = False

    def tables_of(self, partition: Partition) -> list[SortedTable]:
        """The tables that may hold records of ``partition``."""
        first = partition.first
        last = partition.last
        return [table for table in self.tables if table.overlapping(first, last)]

    def needed(self) -> list[SortedTable]:
        """The tables that may hold records of any partition."""
        return [table for table in self.tables if any(map(self._has_partition, table.ranges))]

    def _has_partition(self, keys: tuple[str, str] | None) -> bool:
        """Whether any partition overlaps a row group's range of keys."""
        if keys is None:
            return bool(self.partitions)
        at = bisect_left(self.partitions, keys[0], key=lambda partition: partition.last)
        return at < len(self.partitions) and self.partitions[at].first <= keys[1]


def describe_table(name: str, path: str) -> SortedTable:
    """Describe the table ``name``, from its copy at ``path`` on this machine."""
    footer = pq.read_metadata(path)
    ranges = tuple(_key_range(footer, number) for number in range(footer.num_row_groups))
    size = Path(path).stat().st_size
    return SortedTable(name, size, ranges)


def reduce_share(
    function: GroupFunction,
    exchange: Exchange,
    scratch: Path,
    partition: Partition,
    attempt: Attempt,
) -> TaskReport:
    """Run one reduce task on any machine that can read ``exchange.out``.

    It pulls the partition's share of the records, sorts it out of core in ``scratch``, and passes
    it to ``function``.
    """
    with _share(exchange, partition, scratch) as (tables, pending):
        by_value = exchange.by_value
        records = sorted_records(tables, partition, pending, scratch, by_value=by_value)
        return function(partition, records, attempt)


@contextmanager
def _share(
    exchange: Exchange, partition: Partition, scratch: Path
) -> Iterator[tuple[list[str], str | None]]:
    """Provide local files with all records of ``partition``, and with the pending keys if any."""
    store = open_store(exchange.out, exchange.stores)
    tables = exchange.tables_of(partition)
    keys = exchange.pending
    if store.local:
        pending = str(store.local / keys.name) if keys else None
        yield [str(store.local / table.name) for table in tables], pending
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="share-", dir=scratch) as folder:
        records = _pull(store, tables, partition, RECORDS, Path(folder, "records.parquet"))
        pending = None
        if keys:
            pending = _pull(store, [keys], partition, WEIGHED, Path(folder, "pending.parquet"))
        yield [records], pending


def _pull(
    store: Store,
    tables: Sequence[SortedTable],
    partition: Partition,
    schema: pa.Schema,
    target: Path,
) -> str:
    """Write the rows of ``tables`` whose keys are in the partition to the one table ``target``."""
    read = partial(_read_range, store, partition.first, partition.last)
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        for rows in in_parallel(store, read, tables):
            writer.write_table(rows.cast(schema))
    return str(target)


def _read_range(store: Store, first: str, last: str, table: SortedTable) -> pa.Table:
    """Read the rows of ``table`` with a key from ``first`` to ``last``."""
    import pyarrow.compute as pc

    if table.size <= SMALL:
        source: Any = io.BytesIO(store.read(table.name))
    else:
        source = _RangeReader(store, table)
    # pre_buffer reads neighboring columns in one request.
    file = pq.ParquetFile(source, pre_buffer=True)
    rows = file.read_row_groups(table.overlapping(first, last))
    key = pc.field("key")
    return rows.filter((key >= first) & (key <= last))


class _RangeReader(io.RawIOBase):
    """A file of a store, as a Python file that reads only the ranges that are requested."""

    def __init__(self, store: Store, table: SortedTable) -> None:
        self._store = store
        self._name = table.name
        self._size = table.size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        rest = self._size - self._at
        length = rest if size < 0 else min(size, rest)
        data = self._store.read(self._name, self._at, length)
        self._at += len(data)
        return data


def _key_range(footer: pq.FileMetaData, number: int) -> tuple[str, str] | None:
    """The first and last key of row group ``number``, or None if Parquet left them out."""
    position = footer.schema.to_arrow_schema().get_field_index("key")
    statistics = footer.row_group(number).column(position).statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return str(statistics.min), str(statistics.max)


def _overlaps(keys: tuple[str, str] | None, first: str, last: str) -> bool:
    if keys is None:
        return True
    return keys[0] <= last and first <= keys[1]
