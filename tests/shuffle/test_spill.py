"""A map task's records in parts: nothing is lost between what was written on the way and what is left."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrimage.shuffle import records
from mrimage.shuffle.records import Record, Spill, make_record
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


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 10))
def test_parts_are_numbered_sorted_and_together_all_records(batches: list[int], limit: int) -> None:
    tables: dict[str, pa.Table] = {}
    made = iter(range(1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "SPILL_RECORDS", limit)
        spill = Spill(None, tables.__setitem__)
        for count in batches:
            spill.add([record(next(made)) for _ in range(count)])
        written = len(tables) // 2
        tables |= spill.rest()
    numbers = range(len(tables) // 2)
    assert set(tables) == {
        f"{kind}-{number:05}" for kind in ("records", "members") for number in numbers
    }
    parts = [tables[f"records-{number:05}"] for number in numbers]
    assert all(table.num_rows >= limit for table in parts[:written])
    assert all(table.num_rows > 0 for table in parts)
    for number, table in enumerate(parts):
        keys = list(
            zip(table.column("key").to_pylist(), table.column("uri").to_pylist(), strict=True)
        )
        assert keys == sorted(keys)
        assert (
            tables[f"members-{number:05}"]
            .select(["key", "uri"])
            .equals(table.select(["key", "uri"]))
        )
    uris = [uri for table in parts for uri in table.column("uri").to_pylist()]
    assert sorted(uris) == sorted(f"file:///{number}.jpg" for number in range(sum(batches)))
    assert spill.rest() == {}


def test_a_combiner_takes_no_image_from_the_members() -> None:
    """Nor from the records that stand for images, where a group reducer needs them."""
    for references in (False, True):
        spill = Spill(
            lambda key, values: [sum(values)] if key != "key 0" else [],
            {}.__setitem__,
            references=references,
        )
        spill.add([record(number) for number in range(9)])
        tables = spill.rest()
        members = tables["members-00000"].to_pylist()
        assert [member["key"][-1] for member in members] == list("000111222")
        assert {(member["bytes"], member["pixels"]) for member in members} == {(5, 9)}
        made = tables["records-00000"].to_pylist()
        keys = [(row["key"][-1], row["seq"], row["images"]) for row in made]
        assert [key for key in keys if key[1] >= 0] == [
            ("1", 0, 0 if references else 3),
            ("2", 0, 0 if references else 3),
        ]
        assert len([key for key in keys if key[1] < 0]) == (9 if references else 0)
        assert [(row["key"], row["uri"], row["seq"]) for row in made] == sorted(
            (row["key"], row["uri"], row["seq"]) for row in made
        )
