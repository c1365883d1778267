"""Rows of a Parquet file: in any order the same bytes, and of a value that stands in every row no more than a window."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrimage.errors import ImageError, StoreError
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage.archives import parquet
from mrimage.storage.archives.parquet_pages import Chunk, read_chunks, read_pages

READ_THREE = """
import json, sys, pyarrow
from mrimage.source import Selection, list_entries, open_entry

entries = list(list_entries(sys.argv[1], Selection(all_files=True), lambda path, why: None))
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
        entries = list(list_entries(str(path), Selection(all_files=True), lambda path, why: None))
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
    entries = list(list_entries(str(path), Selection(all_files=True), lambda path, why: None))
    assert [open_entry(entry).read() for entry in entries] == ROWS
    assert set(asked) == {5}


@pytest.mark.parametrize("compression", ["none", "zstd", "snappy"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_page_headers_say_what_an_honest_footer_says(
    tmp_path: Path, compression: str, dictionary: bool, version: str
) -> None:
    rows = [*ROWS, None, b"", *ROWS[:9]]
    structs = [{"bytes": row, "path": f"{number}.jpg"} for number, row in enumerate(rows)]
    pq.write_table(
        pa.table({"image": rows, "other": structs}),
        tmp_path / "a.parquet",
        compression=compression,
        use_dictionary=dictionary,
        data_page_version=version,
        data_page_size=900,
        row_group_size=30,
        write_page_checksum=True,
    )
    data = (tmp_path / "a.parquet").read_bytes()
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    for group, columns in enumerate(read_chunks(footer)):
        for index, found in enumerate(columns):
            chunk = metadata.row_group(group).column(index)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            length = chunk.total_compressed_size
            assert found == Chunk(
                chunk.path_in_schema, chunk.num_values, start, length, chunk.total_uncompressed_size
            )
            body = memoryview(data)[start : start + length]
            pages = list(read_pages(body, chunk.num_values))
            assert sum(page.header + page.compressed for page in pages) == len(body)
            sizes = sum(page.header + page.uncompressed for page in pages)
            assert sizes == chunk.total_uncompressed_size
            values = [page.values for page in pages if not page.is_dictionary]
            assert sum(values) == chunk.num_values
            assert [page.is_dictionary for page in pages[:1]] == [dictionary]


def write_with_lying_footer(path: Path, column: pa.Array, **options: object) -> None:
    """One row group whose footer claims that its pages take two bytes."""
    pq.write_table(pa.table({"image": column}), path, store_schema=False, **options)
    size = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    claim, lie = varint(2 * size), bytearray(varint(2 * size))
    lie[:] = bytes([0x84, *[0x80] * (len(claim) - 2), 0])
    path.write_bytes(data[:footer] + data[footer:].replace(claim, lie))
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 2
    assert pq.read_metadata(path).row_group(0).total_byte_size == 2


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, as Thrift's compact protocol writes numbers."""
    rest, low = value >> 7, value & 127
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_page_that_claims_too_much_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool
) -> None:
    monkeypatch.setattr(parquet, "_PAGE_FLOOR", 1_000_000)
    path = tmp_path / "bomb.parquet"
    column = pa.array([bytes(3_000_000)] * 2)
    write_with_lying_footer(path, column, compression="zstd", use_dictionary=dictionary)
    assert path.stat().st_size < 4_000

    def decode(*_: object, **__: object) -> object:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", decode)
    (entry,) = list_entries(str(path), Selection(all_files=True), lambda path, why: None)
    assert entry.fault
    assert entry.fault.reason == "too-large"
    assert "claims" in entry.fault.message
    with pytest.raises(ImageError, match="claims"):
        parquet.ParquetArchive(Failing(path, 0)).value("image", 1)


def test_a_footer_that_lies_does_not_change_how_many_rows_are_decoded_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    write_with_lying_footer(path, pa.array([bytes(30_000)] * 100), compression="zstd")
    monkeypatch.setattr(parquet, "_DECODED", 100_000)
    asked: list[int] = []
    real = pq.ParquetFile.iter_batches

    def watched(file: pq.ParquetFile, batch_size: int, **options: object) -> object:
        asked.append(batch_size)
        return real(file, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    entries = list(list_entries(str(path), Selection(all_files=True), lambda path, why: None))
    assert [entry.size for entry in entries] == [30_000] * 100
    assert asked == [3]


def test_only_the_bytes_and_the_path_of_a_struct_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another field may hold a list of a billion nulls, which takes a few bytes."""
    rows = [{"bytes": b"image", "path": "a.jpg", "more": [None] * 9, "list": [1]}] * 3
    pq.write_table(pa.table({"image": rows}), tmp_path / "a.parquet")
    asked: list[object] = []
    real = pq.ParquetFile.iter_batches

    def watched(file: pq.ParquetFile, columns: object, **options: object) -> object:
        asked.append(columns)
        return real(file, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    path = str(tmp_path / "a.parquet")
    entries = list(list_entries(path, Selection(), lambda path, why: None))
    assert [entry.path for entry in entries] == [f"0000000{row}-a.jpg" for row in range(3)]
    assert asked == [["image.bytes", "image.path"]]


@settings(deadline=None)
@given(st.data(), st.integers(0, 255))
def test_a_damaged_table_is_read_or_refused(data: st.DataObject, byte: int) -> None:
    table = bytearray(small_table())
    table[data.draw(st.integers(0, len(table) - 1))] = byte
    source = Damaged(bytes(table))
    reason = ""
    try:
        for member in list(parquet.ParquetArchive(source).members()):
            parquet.ParquetArchive(source).open(member).read()
    except ImageError as error:
        reason = error.reason
    assert reason in ("", "corrupt", "truncated", "too-large", "changed")


@pytest.mark.parametrize("place", [98, 181])
def test_a_damaged_footer_does_not_end_the_process(place: int) -> None:
    """PyArrow 26 calls abort() when it is asked for the facts of a column with a wrong histogram."""
    table = bytearray(small_table())
    for byte in (66, 72, 120, 126):
        table[place] = byte
        with suppress(ImageError):
            list(parquet.ParquetArchive(Damaged(bytes(table))).members())


@cache
def small_table() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"image": [b"one", b"two", b"two"]}), file, store_schema=False)
    return file.getvalue()


class Damaged:
    uri = "damaged.parquet"

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return self._data[start:][:length]


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
