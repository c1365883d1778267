"""A map task's records in parts: nothing is lost between what was written on the way and what is left."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrimage.shuffle import records
from mrimage.shuffle.records import Record, Spill, make_record
from mrimage.tables.schemas import RECORDS
from mrimage.types import Entry


def record(number: int) -> Record:
    return make_record(
        f"key {number % 3}",
        Entry(f"file:///{number}.jpg", f"{number}.jpg", 5, "v"),
        0,
        number,
        9,
        1,
    )


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 10))
def test_parts_are_numbered_sorted_and_together_all_records(batches: list[int], limit: int) -> None:
    parts: list[tuple[int, pa.Table]] = []
    made = iter(range(1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "SPILL_RECORDS", limit)
        spill = Spill(None, RECORDS, lambda number, table: parts.append((number, table)))
        for count in batches:
            spill.add([record(next(made)) for _ in range(count)])
        written = len(parts)
        if rest := spill.rest():
            parts.append(rest)
    assert [number for number, _ in parts] == list(range(len(parts)))
    assert all(table.num_rows >= limit for _, table in parts[:written])
    assert all(table.num_rows > 0 for _, table in parts)
    for _, table in parts:
        keys = list(
            zip(table.column("key").to_pylist(), table.column("uri").to_pylist(), strict=True)
        )
        assert keys == sorted(keys)
    uris = [uri for _, table in parts for uri in table.column("uri").to_pylist()]
    assert sorted(uris) == sorted(f"file:///{number}.jpg" for number in range(sum(batches)))
    assert spill.rest() is None
