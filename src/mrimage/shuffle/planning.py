"""The plan of the shuffle: which keys there are, how heavy each is, and which task reduces it.

Because every key's weight is known before anything moves, keys are not hashed but cut into ranges
of even weight, as a total-order sort does. A key heavier than an even share is a partition of its
own. No key needs to be split among reducers: edits, which treat each image alone, run in the map
task.

Groups that an earlier run reduced, with the very same records, are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.shuffle.records import COLUMNS, LARGEST_INT64, Record, from_batch
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import DONE_GROUPS, RECORDS, WEIGHED
from mrimage.types import Partition

PARTITIONS_PER_WORKER = 4
"""Reduce tasks for each worker, so that uneven ones level out."""

IMAGE_WEIGHT = 10_000
"""How much heavier an image, which a reducer may decode, is than a record."""


ORDER = "key, uri, seq"
"""The order in which a reducer gets the records that map has emitted."""

ORDER_BY_VALUE = f"{ORDER}, value"
"""The order of a round's records: many of them may have the same key and image."""


@dataclass(frozen=True, slots=True)
class WeighedGroup:
    """What is known of a key before it is reduced: a row of WEIGHED."""

    key: str
    images: int
    bytes: int
    pixels: int
    records: int
    fingerprint: str

    @property
    def weight(self) -> int:
        return self.records + self.images * IMAGE_WEIGHT


def weigh_groups(parts: list[str], target: Path, scratch: Path) -> None:
    """Write ``target``: one row per key of the records in the files ``parts``, sorted by key.

    Its columns are those of WEIGHED.
    """
    # The sums of DuckDB are wider than the int64 columns that they go to.
    query = f"""
        SELECT key, sum(images)::BIGINT AS images,
               least(sum(bytes), {LARGEST_INT64})::BIGINT AS bytes,
               least(sum(pixels), {LARGEST_INT64})::BIGINT AS pixels,
               count(*)::BIGINT AS records,
               count(*) || '-' || sum(digest)::VARCHAR AS fingerprint
        FROM {read_parquet(parts, RECORDS)} GROUP BY key ORDER BY key"""
    _write(query, WEIGHED, target, scratch)


def write_pending(weighed: Path, done: list[str], target: Path, scratch: Path) -> None:
    """Write ``target``: the rows of ``weighed`` that ``done`` lacks, by key and fingerprint."""
    query = f"""
        SELECT w.* FROM {read_parquet([str(weighed)], WEIGHED)} w
        ANTI JOIN {read_parquet(done, DONE_GROUPS)} d
        USING (key, fingerprint) ORDER BY key"""
    _write(query, WEIGHED, target, scratch)


def plan_partitions(pending: Path, workers: int) -> tuple[Partition, ...]:
    """Cut the pending groups into key ranges of even weight."""
    total = sum(group.weight for group in _groups(pending))
    tasks = workers * PARTITIONS_PER_WORKER
    share = max(1, -(-total // tasks))  # rounded up
    return tuple(cut_ranges(_groups(pending), share))


def plan_round(pending: Path, share: int) -> tuple[Partition, ...]:
    """Cut the pending groups of a round into key ranges of at most ``share`` records.

    A group that is larger is a partition of its own. A round may have a group for each image, so
    groups are handled in bulk.
    """
    found: list[Partition] = []
    held = _Range()
    columns = ["key", "records", "fingerprint"]
    for batch in pq.ParquetFile(pending).iter_batches(50_000, columns=columns):
        keys = cast("list[str]", batch["key"].to_pylist())
        fingerprints = cast("list[str]", batch["fingerprint"].to_pylist())
        sums = np.cumsum(batch["records"].to_numpy())
        start = 0
        before = 0
        while start < len(keys):
            end = int(np.searchsorted(sums, before + share - held.records, side="right"))
            if end == start and held.keys:
                found.append(held.partition())
                held = _Range()
                continue
            end = max(end, start + 1)
            held.add(keys[start:end], fingerprints[start:end], int(sums[end - 1]) - before)
            start = end
            before = int(sums[end - 1])
    if held.keys:
        found.append(held.partition())
    return tuple(found)


class _Range:
    """Successive keys that will be a partition."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.records = 0
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, keys: list[str], fingerprints: list[str], records: int) -> None:
        self.keys += keys
        self.records += records
        content = "\0".join([*keys, *fingerprints])
        self._digest.update(f"{len(keys)} {content}".encode())

    def partition(self) -> Partition:
        return Partition(
            id=self._digest.hexdigest(),
            first=self.keys[0],
            last=self.keys[-1],
            groups=len(self.keys),
            records=self.records,
            images=0,
            bytes=0,
        )


def cut_ranges(groups: Iterable[WeighedGroup], share: int) -> Iterator[Partition]:
    """Cut groups, sorted by key, into partitions of a weight of at most ``share``.

    A group that is heavier is a partition of its own.
    """
    batch: list[WeighedGroup] = []
    weight = 0
    for group in groups:
        if batch and weight + group.weight > share:
            yield _partition(batch)
            batch = []
            weight = 0
        batch.append(group)
        weight += group.weight
    if batch:
        yield _partition(batch)


def sorted_records(
    parts: list[str],
    partition: Partition,
    pending: str | None,
    scratch: Path,
    *,
    by_value: bool = False,
) -> Iterator[Record]:
    """Stream the partition's records out of the files ``parts``, sorted by key, image and number.

    The sort is out of core. With ``pending``, only keys in that table count. With ``by_value``,
    records that are equal in all three are sorted by the bytes of their values.
    """
    order = ORDER_BY_VALUE if by_value else ORDER
    only_pending = ""
    if pending:
        only_pending = f"SEMI JOIN {read_parquet([pending], WEIGHED)} p USING (key)"
    query = f"""
        SELECT {", ".join(COLUMNS)} FROM {read_parquet(parts, RECORDS)} r {only_pending}
        WHERE key >= ? AND key <= ? ORDER BY {order}"""
    with connect(scratch) as connection:
        for batch in batches(connection, query, (partition.first, partition.last)):
            yield from from_batch(batch)


def sort_records(parts: list[str], target: Path, scratch: Path) -> None:
    """Write all records of the files ``parts`` to ``target``, in ORDER_BY_VALUE, out of core."""
    columns = ", ".join(f'"{name}"' for name in RECORDS.names)
    query = f"SELECT {columns} FROM {read_parquet(parts, RECORDS)} ORDER BY {ORDER_BY_VALUE}"
    _write(query, RECORDS, target, scratch)


def sum_digests(parts: list[str], scratch: Path) -> dict[str, tuple[int, int]]:
    """The number of records and the sum of their digests, by file.

    A file without records is left out.
    """
    source = read_parquet(parts, RECORDS, filename=True)
    query = f"SELECT filename, count(*), sum(digest)::VARCHAR FROM {source} GROUP BY filename"
    with connect(scratch) as connection:
        found = connection.execute(query).fetchall()
    return {str(name): (int(records), int(digest)) for name, records, digest in found}


def _partition(groups: list[WeighedGroup]) -> Partition:
    digest = hashlib.blake2b(digest_size=16)
    for group in groups:
        digest.update(f"{group.key}\0{group.fingerprint}\0".encode())
    return Partition(
        id=digest.hexdigest(),
        first=groups[0].key,
        last=groups[-1].key,
        groups=len(groups),
        records=sum(group.records for group in groups),
        images=sum(group.images for group in groups),
        bytes=sum(group.bytes for group in groups),
    )


def _groups(weighed: Path) -> Iterator[WeighedGroup]:
    for batch in pq.ParquetFile(weighed).iter_batches(10_000):
        for row in batch.to_pylist():
            yield WeighedGroup(**row)


def _write(query: str, schema: pa.Schema, target: Path, scratch: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        connect(scratch) as connection,
        pq.ParquetWriter(target, schema, compression="zstd") as writer,
    ):
        for batch in batches(connection, query):
            writer.write_batch(batch.cast(schema))
