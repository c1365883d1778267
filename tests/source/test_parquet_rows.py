"""Rows of a Parquet file: in any order the same bytes, and of a value that stands in every row no more than a window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrimage.errors import StoreError
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage.archives import parquet

READ_THREE = """
import json, sys, pyarrow
from mrimage.source import Selection, list_entries, open_entry

entries = list(list_entries(sys.argv[1], Selection(all_files=True), lambda path: None))
found = {open_entry(entries[row]).read().hex()[:64] for row in (0, len(entries) // 2, -1)}
sizes = {entry.size for entry in entries}
print(json.dumps([list(sizes), list(found), pyarrow.default_memory_pool().max_memory()]))
"""

ROWS = [os.urandom(100 + row) for row in range(40)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.integers(0, len(ROWS) - 1), max_size=60), st.integers(1, 2000), st.integers(1, 40)
)
def test_in_whatever_order_rows_are_read_each_is_its_own(
    tmp_path: Path, order: list[int], kept: int, group: int
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": ROWS}), path, row_group_size=group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_KEPT", kept)
        patch.setattr(parquet, "_ROWS", 3)
        entries = list(list_entries(str(path), Selection(all_files=True), lambda path: None))
        assert [open_entry(entries[row]).read() for row in order] == [ROWS[row] for row in order]


@pytest.mark.parametrize("nested", [False, True])
def test_a_value_that_is_written_once_and_stands_in_every_row_does_not_fill_memory(
    nested: bool, tmp_path: Path
) -> None:
    image, count = os.urandom(400_000), 2000
    column: pa.Array = pa.DictionaryArray.from_arrays(
        pa.array([0] * count, pa.int32()), pa.array([image])
    )
    if nested:
        column = pa.StructArray.from_arrays(
            [column, pa.array([f"{row}.jpg" for row in range(count)])], ["bytes", "path"]
        )
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": column}), path, store_schema=False)
    assert path.stat().st_size < 2 * len(image)
    child = subprocess.run(
        [sys.executable, "-c", READ_THREE, path], capture_output=True, text=True, check=True
    )
    sizes, same, most = json.loads(child.stdout)
    assert (sizes, same) == ([len(image)], [image.hex()[:64]])
    assert most < count * len(image) // 2


def test_rows_of_a_long_group_are_decoded_fewer_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": ROWS}), path)
    total = pq.read_metadata(path).row_group(0).total_byte_size
    monkeypatch.setattr(parquet, "_DECODED", 5 * total)
    asked: list[int] = []
    real = pq.ParquetFile.iter_batches

    def watched(file: pq.ParquetFile, batch_size: int, **options: object) -> object:
        asked.append(batch_size)
        return real(file, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    entries = list(list_entries(str(path), Selection(all_files=True), lambda path: None))
    assert [open_entry(entry).read() for entry in entries] == ROWS
    assert set(asked) == {5}


class Failing:
    """The file at ``path`` from a server that fails at the read with the number ``fails``, and only then."""

    uri = "s3://bucket/a.parquet"

    def __init__(self, path: Path, fails: int) -> None:
        self._data, self._left = path.read_bytes(), fails
        self.size = len(self._data)

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        self._left -= 1
        if self._left == 0:
            raise StoreError("The server is gone.", transient=True)
        return self._data[start:][:length]


def test_after_a_failure_of_the_store_a_row_is_read_as_if_there_had_been_none(
    tmp_path: Path,
) -> None:
    path, rows = tmp_path / "a.parquet", [os.urandom(50_000) for _ in range(8)]
    pq.write_table(pa.table({"image": rows}), path, row_group_size=4, use_dictionary=False)
    for fails in range(1, 100):
        archive, failed = parquet.ParquetArchive(Failing(path, fails)), 0
        for row, expected in enumerate(rows):
            try:
                found = archive.value("image", row)
            except StoreError:
                failed += 1
                found = archive.value("image", row)
            assert found == expected
        if not failed:
            break
    assert 3 < fails < 99
