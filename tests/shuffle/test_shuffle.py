"""The laws of records, fingerprints, combiners and the plan of a shuffle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrimage.errors import JobError
from mrimage.shuffle.planning import WeighedGroup, cut_ranges, sorted_records, weigh_groups
from mrimage.shuffle.records import Record, combined, from_batch, make_records, to_table
from mrimage.shuffle.replay import Fingerprint, Replay
from mrimage.tables.schemas import RECORDS
from mrimage.types import Entry, Partition

KEY = st.one_of(st.text(max_size=8), st.sampled_from(["", "a\0b", "a/b", "..", "\n", "é", "𝄞"]))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
PAIRS = st.lists(st.tuples(KEY, st.integers(0, 9)), max_size=6)


def entry(number: int) -> Entry:
    return Entry(f"/data/{number}.jpg", f"{number}.jpg", 100 + number, "v")


def records_of(images: list[list[tuple[str, int]]]) -> list[Record]:
    made = [
        record
        for number, pairs in enumerate(images)
        for record in make_records(entry(number), 7, iter(pairs))
    ]
    return sorted(made, key=lambda record: (record.key, record.entry.uri, record.seq))


@given(KEY, PLAIN)
def test_a_record_survives_its_way_through_a_part(key: str, value: object) -> None:
    records = make_records(entry(1), 7, iter([(key, value)]))
    (back,) = [
        record for batch in to_table(records, RECORDS).to_batches() for record in from_batch(batch)
    ]
    assert back == records[0]
    assert back.value == value


def test_a_value_that_cannot_travel_blames_the_job() -> None:
    with pytest.raises(
        JobError, match="the mapper to yield plain data, but the value of key 'k' holds object"
    ):
        make_records(entry(1), 7, iter([("k", object())]))


@settings(max_examples=25, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=5))
def test_the_plan_weighs_what_the_reducers_will_see(images: list[list[tuple[str, int]]]) -> None:
    """Every key once; images counted once a key; the fingerprint equals that of the stream; sorted out of core."""
    records = records_of(images)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = []
        for number in range(2):
            parts.append(str(folder / f"{number}.parquet"))
            pq.write_table(to_table(records[number::2], RECORDS), parts[-1])
        weigh_groups(parts, folder / "weighed.parquet", folder)
        groups = [
            WeighedGroup(**row) for row in pq.read_table(folder / "weighed.parquet").to_pylist()
        ]
        assert [group.key for group in groups] == sorted({record.key for record in records})
        for group in groups:
            mine = [record for record in records if record.key == group.key]
            fingerprint = Fingerprint()
            assert list(fingerprint.watch(mine)) == mine
            assert (group.records, group.fingerprint) == (len(mine), fingerprint.text())
            assert group.images == len({record.entry.uri for record in mine})
        if groups:
            whole = Partition("p", groups[0].key, groups[-1].key, len(groups), len(records), 0, 0)
            assert list(sorted_records(parts, whole, None, folder)) == records


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 200))
def test_every_key_goes_to_one_partition_of_fair_weight(weights: list[int], share: int) -> None:
    groups = [WeighedGroup(f"{n:03}", 0, 0, 0, weight, f"{n}") for n, weight in enumerate(weights)]
    partitions = list(cut_ranges(groups, share))
    held = [[g for g in groups if p.first <= g.key <= p.last] for p in partitions]
    assert [group for batch in held for group in batch] == groups
    assert all(len(batch) == p.groups for batch, p in zip(held, partitions, strict=True))
    assert all(
        sum(g.weight for g in batch) <= max(share, max(g.weight for g in batch)) for batch in held
    )
    assert len({p.id for p in partitions}) == len(partitions)


@given(st.lists(PAIRS, max_size=5), st.integers(0, 5))
def test_combining_any_number_of_times_keeps_sums(
    images: list[list[tuple[str, int]]], cut: int
) -> None:
    def add(key: str, values: object) -> list[int]:
        return [sum(values)]  # type: ignore[call-overload]  # the values are numbers

    def totals(records: list[Record]) -> dict[str, tuple[int, int, int, int]]:
        sums: dict[str, list[int]] = {}
        for r in records:
            total = sums.setdefault(r.key, [0, 0, 0, 0])
            for place, amount in enumerate(
                (r.value, r.images, r.entry.size if r.images else 0, r.pixels if r.images else 0)
            ):
                total[place] += amount
        return {key: (a, b, c, d) for key, (a, b, c, d) in sums.items()}

    records = records_of(images)
    here, there = (
        records_of(images[:cut]),
        [r for r in records if r not in records_of(images[:cut])],
    )
    partly = [*combined(here, add), *combined(there, add)]
    assert totals(partly) == totals(records)
    again = sorted(partly, key=lambda record: (record.key, record.entry.uri, record.seq))
    assert totals(list(combined(again, add))) == totals(records)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_every_pass_sees_the_group_and_the_fingerprint_sees_it_once(passes: int) -> None:
    records = records_of([[("k", n)] for n in range(5)])
    fingerprint, expected = Fingerprint(), Fingerprint()
    assert list(expected.watch(records)) == records
    with Replay(fingerprint.watch(records), keep=passes > 1) as group:
        for number in range(passes):
            stream = group.read()
            seen = (
                [next(stream)] if number == 0 else list(stream)
            )  # the first reducer leaves values unread
            assert seen == records[: 1 if number == 0 else None]
        group.finish()
    assert fingerprint.text() == expected.text()
