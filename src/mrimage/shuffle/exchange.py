"""The exchange of records for engines that have none of their own: each reduce task pulls its share out of OUT.

Map tasks leave records in parts, tables sorted by key. Parquet keeps the first and the last key of every row group, so
a reduce task touches only the row groups that overlap its range of keys: in place where OUT is a local folder, and by
range reads where it is not.
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
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.shuffle.planning import sorted_records
from mrimage.shuffle.records import Record
from mrimage.storage import Store, open_store
from mrimage.storage.parallel import each
from mrimage.storage.settings import StoreSettings
from mrimage.tables.schemas import RECORDS, WEIGHED
from mrimage.types import Attempt, Partition, TaskReport

GroupFunction = Callable[[Partition, Iterator[Record], Attempt], TaskReport]
"""``(partition, records, attempt) -> report``: what a reduce task does. The records are all of the partition's, sorted by
key, image and number, as a stream. It can be pickled by cloudpickle, and running it twice does no harm."""

SMALL = 256 << 10
"""Bytes up to which a table is read whole: one request for all costs less than two for less."""


@dataclass(frozen=True, slots=True)
class SortedTable:
    """A table below OUT whose rows are sorted by key: ``size`` in bytes, and the first and last key of each of its row
    groups; None for a row group whose keys are not known (Parquet leaves out very long ones)."""

    name: str
    size: int
    ranges: tuple[tuple[str, str] | None, ...]

    def overlapping(self, first: str, last: str) -> list[int]:
        """The numbers of the row groups that may hold a key from ``first`` to ``last``."""
        return [number for number, keys in enumerate(self.ranges) if _overlaps(keys, first, last)]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A planned shuffle: the parts of records below ``out``, and the partitions that they go to, sorted by key. When
    some groups are done already, ``pending`` is the table of the keys that are not."""

    out: str
    tables: tuple[SortedTable, ...] = ()
    partitions: tuple[Partition, ...] = ()
    pending: SortedTable | None = None
    stores: StoreSettings = field(default_factory=StoreSettings)

    def tables_of(self, partition: Partition) -> list[SortedTable]:
        """The parts that may hold records of ``partition``."""
        return [part for part in self.tables if part.overlapping(partition.first, partition.last)]

    def needed(self) -> list[SortedTable]:
        """The parts that may hold records of any partition."""
        return [part for part in self.tables if any(self._meets(keys) for keys in part.ranges)]

    def _meets(self, keys: tuple[str, str] | None) -> bool:
        if keys is None:
            return bool(self.partitions)
        at = bisect_left(self.partitions, keys[0], key=lambda partition: partition.last)
        return at < len(self.partitions) and self.partitions[at].first <= keys[1]


def describe_table(name: str, path: str) -> SortedTable:
    """The part ``name``, from its copy at ``path`` on this machine."""
    footer = pq.read_metadata(path)
    ranges = tuple(_key_range(footer, number) for number in range(footer.num_row_groups))
    return SortedTable(name, Path(path).stat().st_size, ranges)


def reduce_share(
    function: GroupFunction,
    exchange: Exchange,
    scratch: Path,
    partition: Partition,
    attempt: Attempt,
) -> TaskReport:
    """One reduce task on any machine that sees ``exchange.out``: pull the partition's share of the records, sort it out
    of core in ``scratch``, and hand it to ``function``."""
    with _share(exchange, partition, scratch) as (parts, pending):
        return function(partition, sorted_records(parts, partition, pending, scratch), attempt)


@contextmanager
def _share(
    exchange: Exchange, partition: Partition, scratch: Path
) -> Iterator[tuple[list[str], str | None]]:
    """Files on this machine that hold all records of ``partition``, and the table of pending keys if there is one."""
    store = open_store(exchange.out, exchange.stores)
    parts = exchange.tables_of(partition)
    if store.local:
        pending = str(store.local / exchange.pending.name) if exchange.pending else None
        yield [str(store.local / part.name) for part in parts], pending
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="share-", dir=scratch) as folder:
        records = _pull(store, parts, partition, RECORDS, Path(folder, "records.parquet"))
        pending = None
        if exchange.pending:
            pending = _pull(
                store, [exchange.pending], partition, WEIGHED, Path(folder, "pending.parquet")
            )
        yield [records], pending


def _pull(
    store: Store,
    parts: Sequence[SortedTable],
    partition: Partition,
    schema: pa.Schema,
    target: Path,
) -> str:
    """Write the rows of ``parts`` whose keys are in the partition's range to the one table ``target``."""
    read = partial(_read_range, store, partition.first, partition.last)
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        for table in each(store, read, parts):
            writer.write_table(table.cast(schema))
    return str(target)


def _read_range(store: Store, first: str, last: str, part: SortedTable) -> pa.Table:
    """The rows of ``part`` with a key from ``first`` to ``last``."""
    if part.size <= SMALL:
        source: Any = io.BytesIO(store.read(part.name))
    else:
        source = _RangeReader(store, part)
    file = pq.ParquetFile(source, pre_buffer=True)  # neighboring columns come in one request
    table = file.read_row_groups(part.overlapping(first, last))
    key = pc.field("key")
    return table.filter((key >= first) & (key <= last))


class _RangeReader(io.RawIOBase):
    """A file of a store that is read by ranges, as Parquet's reader asks for them."""

    def __init__(self, store: Store, part: SortedTable) -> None:
        self._store, self._part = store, part
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._part.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        rest = self._part.size - self._at
        data = self._store.read(self._part.name, self._at, rest if size < 0 else min(size, rest))
        self._at += len(data)
        return data


def _key_range(footer: pq.FileMetaData, number: int) -> tuple[str, str] | None:
    group = footer.row_group(number)
    column = group.column(footer.schema.to_arrow_schema().get_field_index("key"))
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return str(statistics.min), str(statistics.max)


def _overlaps(keys: tuple[str, str] | None, first: str, last: str) -> bool:
    return keys is None or (keys[0] <= last and first <= keys[1])
