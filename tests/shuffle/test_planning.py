"""The plan of the shuffle, and what passes through it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrimage.shuffle.planning import (
    WeighedGroup,
    cut_ranges,
    plan_partitions,
    sorted_records,
    weigh_groups,
)
from mrimage.shuffle.records import Record, Spill, make_record
from mrimage.shuffle.replay import Fingerprint, Replay
from mrimage.types import Entry

weights = st.lists(st.integers(0, 50), max_size=60)


@given(weights, st.integers(1, 100_000))
def test_every_key_is_in_exactly_one_partition_of_bounded_weight(
    records: list[int], share: int
) -> None:
    groups = [
        WeighedGroup(f"{number:04}", 0, 0, 0, count, str(count))
        for number, count in enumerate(records)
    ]
    partitions = list(cut_ranges(groups, share))
    covered = [g.key for p in partitions for g in groups if p.first <= g.key <= p.last]
    assert covered == [group.key for group in groups]
    assert all(p.records <= max([share, *(g.records for g in groups)]) for p in partitions)
    assert sum(p.records for p in partitions) == sum(records)


@pytest.fixture
def parts(tmp_path: Path) -> list[str]:
    """Two spilled parts with three keys, their records interleaved."""
    paths = []
    for part in range(2):
        spill = Spill(
            None, lambda name, table, part=part: _write(tmp_path, f"{name} '{part}", table, paths)
        )
        for number in range(part, 40, 2):
            entry = Entry(f"/p/{number:02}.jpg", f"{number:02}.jpg", 10, "1")
            spill.add(
                [make_record("aé\0'"[number % 3 : number % 3 + 1], entry, 0, {"n": number}, 5, 1)]
            )
        spill.flush()
    return paths


def _write(folder: Path, name: str, table, paths: list[str]) -> None:
    if name.startswith("records"):
        paths.append(str(folder / f"{name}.parquet"))
        pq.write_table(table, paths[-1])


def test_records_come_back_sorted_grouped_and_whole(parts: list[str], tmp_path: Path) -> None:
    weigh_groups(parts, tmp_path / "weighed.parquet", tmp_path)
    found: list[Record] = []
    for partition in plan_partitions(tmp_path / "weighed.parquet", 2):
        found += sorted_records(parts, partition, None, tmp_path)
    assert [(r.key, r.entry.uri) for r in found] == sorted((r.key, r.entry.uri) for r in found)
    assert sorted(record.value["n"] for record in found) == list(range(40))


def test_a_fingerprint_is_the_same_in_the_plan_and_in_the_reducer(
    parts: list[str], tmp_path: Path
) -> None:
    weigh_groups(parts, tmp_path / "weighed.parquet", tmp_path)
    planned = {
        row["key"]: row["fingerprint"]
        for row in pq.read_table(tmp_path / "weighed.parquet").to_pylist()
    }
    for partition in plan_partitions(tmp_path / "weighed.parquet", 100):
        fingerprint = Fingerprint()
        for _ in fingerprint.watch(sorted_records(parts, partition, None, tmp_path)):
            pass
        assert fingerprint.text() == planned[partition.first]


def test_each_pass_over_a_group_sees_all_of_it(parts: list[str], tmp_path: Path) -> None:
    weigh_groups(parts, tmp_path / "weighed.parquet", tmp_path)
    (whole, *_) = plan_partitions(tmp_path / "weighed.parquet", 1)
    expected = list(sorted_records(parts, whole, None, tmp_path))
    with Replay(sorted_records(parts, whole, None, tmp_path), keep=True) as group:
        assert [list(group.read()) for _ in range(2)] == [expected, expected]
