"""Pulling a partition's share of the records: all of it, and little else."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mrimage.shuffle import exchange as module
from mrimage.shuffle.exchange import Exchange, SortedTable, describe_table, reduce_share
from mrimage.shuffle.records import Record, make_records, to_table
from mrimage.tables.schemas import RECORDS
from mrimage.types import Attempt, Entry, Partition, TaskReport

OUT = "memory://out"


class Memory:
    """A remote store in memory that notes what is read of it."""

    root = OUT

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.reads: list[tuple[str, int]] = []

    local = None

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        data = (
            self.files[path][start:] if length is None else self.files[path][start : start + length]
        )
        self.reads.append((path, len(data)))
        return data


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(module, "open_store", lambda out, settings: made)
    return made


def records(keys: list[str], ballast: int = 0) -> list[Record]:
    made = []
    for number, key in enumerate(keys):
        entry = Entry(f"/photos/{number:05}.jpg", f"{number:05}.jpg", 10, "v")
        made += make_records(
            entry, 100, iter([(key, {"n": number, "noise": str(hash((key, number))) * ballast})])
        )
    return sorted(made, key=lambda record: (record.key, record.entry.uri))


def part(
    store: Memory, folder: Path, name: str, made: list[Record], rows: int = 5_000
) -> SortedTable:
    path = folder / name
    pq.write_table(to_table(made, RECORDS), path, row_group_size=rows, compression="none")
    store.files[name] = path.read_bytes()
    return describe_table(name, str(path))


def partition(first: str, last: str) -> Partition:
    return Partition(f"{first}-{last}", first, last, 1, 1, 1, 1)


def pulled(exchange: Exchange, of: Partition, scratch: Path) -> list[Record]:
    found: list[Record] = []

    def keep(_: Partition, records: object, attempt: Attempt) -> TaskReport:
        found.extend(records)  # type: ignore[call-overload]
        return TaskReport(of.id, "reduce", 0, 0, 0, 0, 0.0, 0.0, 0, attempt.worker)

    reduce_share(keep, exchange, scratch, of, Attempt())
    return found


def test_only_parts_that_overlap_the_range_are_fetched(store: Memory, tmp_path: Path) -> None:
    """As when the keys are folders, and a split is a folder or two."""
    made = {name: records([f"{name}-{n}" for n in range(10)]) for name in ("a", "b", "c", "d")}
    parts = tuple(part(store, tmp_path, name, rows) for name, rows in made.items())
    exchange = Exchange(OUT, parts)
    assert (
        pulled(exchange, partition("b-5", "c-2"), tmp_path / "scratch")
        == made["b"][5:] + made["c"][:3]
    )
    assert {name for name, _ in store.reads} == {"b", "c"}
    assert len(store.reads) == 2


def test_of_a_large_part_only_the_row_groups_of_the_range_are_read(
    store: Memory, tmp_path: Path
) -> None:
    made = records([f"{n:05}" for n in range(4000)], ballast=30)
    exchange = Exchange(OUT, (part(store, tmp_path, "large", made, rows=100),))
    assert exchange.tables[0].size > 2 << 20
    assert pulled(exchange, partition("01050", "01249"), tmp_path / "scratch") == made[1050:1250]
    assert sum(size for _, size in store.reads) < exchange.tables[0].size / 4
    assert list((tmp_path / "scratch").glob("share-*")) == []


def test_a_key_that_is_too_long_for_parquet_s_statistics_is_found(
    store: Memory, tmp_path: Path
) -> None:
    made = records(["a", "k" * 10_000])
    exchange = Exchange(OUT, (part(store, tmp_path, "long", made),), (partition("k", "l"),))
    assert exchange.tables[0].ranges == (None,)
    assert pulled(exchange, exchange.partitions[0], tmp_path / "scratch") == made[1:]
    assert exchange.needed() == list(exchange.tables)


def test_parts_that_no_partition_needs_are_known() -> None:
    parts = tuple(
        SortedTable(f"{first}{last}", 1, ((first, last),))
        for first, last in ("ab", "ce", "ff", "hz")
    )
    exchange = Exchange(OUT, parts, (partition("b", "b"), partition("d", "d"), partition("g", "g")))
    assert [each.name for each in exchange.needed()] == ["ab", "ce"]
    assert [each.name for each in Exchange(OUT, parts).needed()] == []


def test_keys_are_compared_as_their_utf_8_bytes(store: Memory, tmp_path: Path) -> None:
    made = records(["z", "é", "\uffff", "𝄞"])
    exchange = Exchange(OUT, (part(store, tmp_path, "odd", made, rows=1),))
    assert [
        record.key for record in pulled(exchange, partition("é", "\uffff"), tmp_path / "scratch")
    ] == [
        "é",
        "\uffff",
    ]
    assert exchange.tables[0].overlapping("𝄞", "𝄞") == [3]
