"""Parquet files with a column of bytes: one image a row, the Hugging Face layout (``struct<bytes, path>``) too."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.errors import ImageError
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member, too_large
from mrimage.storage.names import printable
from mrimage.types import ByteSource

_ROWS = 64
"""Most rows that are decoded at once."""

_DECODED = 1 << 30
"""Bytes that the rows decoded at once may come to, were each of them as long as its column: with a dictionary, a value
that is written once can stand in every row."""

_KEPT = 128 << 20
"""Bytes of the rows last read that are kept, for each of the few archives that stay open."""


class ParquetArchive:
    """The images of a Parquet file; ``place`` is "column:row". A member's name is the row's number before the name
    that its path column gives, so that it is unique: ``train/00000017-cat.jpg``."""

    def __init__(self, source: ByteSource) -> None:
        self._uri = source.uri
        self._source = source
        self._lock = threading.Lock()
        self._group: _Group | None = None

    def members(self) -> Iterator[Member]:
        file = self._open()
        columns = image_columns(file.schema_arrow)
        if not columns:
            return
        try:
            for column in columns:
                yield from self._column(
                    file, column, prefix=f"{printable(column)}/" if len(columns) > 1 else ""
                )
        except (pa.ArrowException, OSError) as error:
            raise ImageError("corrupt", f"{self._uri} is damaged: {_first_line(error)}") from error

    def _column(self, file: pq.ParquetFile, column: str, prefix: str) -> Iterator[Member]:
        # Parquet does not keep the lengths of values: they are read once, a few rows at a time.
        row = 0
        for group in range(file.num_row_groups):
            for values in _batches(file, group, column):
                data, names = _parts(values)
                for index, length in enumerate(
                    pc.binary_length(cast("pa.BinaryArray", data)).to_pylist()
                ):
                    yield Member(prefix + _name(row, names, index), length or 0, f"{column}:{row}")
                    row += 1

    def open(self, name: str, place: str, size: int) -> ByteSource:
        column, _, row = place.rpartition(":")
        return _Row(self, f"{self._uri}!/{name}", column, int(row), size)

    def value(self, column: str, row: int) -> bytes:
        """The bytes of ``column`` in ``row``. Rows are read in their order; those read last are kept."""
        with self._lock:
            try:
                if not (self._group and self._group.column == column and row in self._group.rows):
                    self._group = self._find_group(column, row)
                return self._group.value(row)
            except BaseException as error:
                self._group = None  # a decoding that was broken off cannot go on
                if isinstance(error, (pa.ArrowException, OSError)):
                    raise ImageError(
                        "corrupt", f"{self._uri} is damaged: {_first_line(error)}"
                    ) from error
                raise

    def _find_group(self, column: str, row: int) -> _Group:
        file = self._open()
        first = 0
        for number in range(file.num_row_groups):
            rows = range(first, first + file.metadata.row_group(number).num_rows)
            if row in rows:
                return _Group(column, rows, _batches(file, number, column))
            first = rows.stop
        raise ImageError("changed", f"{self._uri} has no row {row} any more.")

    def _open(self) -> pq.ParquetFile:
        if self._source.size == 0:
            raise ImageError("empty", f"{self._uri} has no bytes.")
        try:
            # Arrow asks for no more than a readable, seekable file.
            return pq.ParquetFile(
                pa.PythonFile(cast("io.IOBase", BlockReader(self._source, 64 << 10)), mode="r")
            )
        except (pa.ArrowException, OSError) as error:
            reason = "truncated" if self._source.read(0, 4) == b"PAR1" else "corrupt"
            raise ImageError(
                reason, f"{self._uri} is no whole Parquet file: {_first_line(error)}"
            ) from error


class _Group:
    """One column of a row group, decoded as far as it was asked for. ``rows`` are those that it can still tell."""

    def __init__(self, column: str, rows: range, batches: Iterator[pa.Array[Any]]) -> None:
        self.column, self.rows = column, rows
        self._batches = batches
        self._kept: deque[pa.Array[Any]] = deque()
        self._held = 0
        self._end = rows.start

    def value(self, row: int) -> bytes:
        while row >= self._end:
            self._decode(row)
        start = self._end
        for values in reversed(self._kept):
            start -= len(values)
            if row >= start:
                return bytes(values[row - start].as_py() or b"")
        raise AssertionError(row)

    def _decode(self, row: int) -> None:
        values = next(self._batches, None)
        if values is None:
            raise pa.ArrowInvalid(f"a row group ends {row - self._end + 1} rows early")
        self._kept.append(_parts(values)[0])
        self._end += len(values)
        self._held += self._kept[-1].nbytes
        while len(self._kept) > 1 and self._held > _KEPT:
            gone = self._kept.popleft()
            self._held -= gone.nbytes
            self.rows = range(self.rows.start + len(gone), self.rows.stop)


class _Row:
    __slots__ = ("_archive", "_column", "_row", "size", "uri")

    def __init__(self, archive: ParquetArchive, uri: str, column: str, row: int, size: int) -> None:
        self.uri = uri
        self.size = size
        self._archive = archive
        self._column = column
        self._row = row

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.size > MAX_MEMBER:
            raise too_large(self.uri)
        return self._archive.value(self._column, self._row)[start:][:length]


def image_columns(schema: pa.Schema) -> list[str]:
    """The columns that hold bytes: binary ones, and structs with a binary field ``bytes`` (Hugging Face)."""
    return [
        field.name for field in schema if _is_binary(field.type) or _is_image_struct(field.type)
    ]


def _is_binary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_binary(kind.value_type)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _is_image_struct(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    index = kind.get_field_index("bytes")
    return index >= 0 and _is_binary(kind.field(index).type)


def _batches(file: pq.ParquetFile, group: int, column: str) -> Iterator[pa.Array[Any]]:
    """The rows of one column of a row group, a few at a time."""
    at_once = max(1, min(_ROWS, _DECODED // max(1, file.metadata.row_group(group).total_byte_size)))
    for batch in file.iter_batches(
        batch_size=at_once, row_groups=[group], columns=[column], use_threads=False
    ):
        yield batch.column(0)


def _parts(values: pa.Array[Any]) -> tuple[pa.Array[Any], list[str | None]]:
    """The bytes of a column and the names that it holds for them."""
    if not pa.types.is_struct(values.type):
        return values.cast(pa.large_binary()), []
    index = values.type.get_field_index("path")
    names = pc.struct_field(values, [index]).to_pylist() if index >= 0 else []
    return pc.struct_field(values, [values.type.get_field_index("bytes")]).cast(
        pa.large_binary()
    ), names


def _name(row: int, names: list[str | None], index: int) -> str:
    given = names[index] if names else None
    if not isinstance(given, str) or not given.strip("/"):
        return f"{row:08d}"
    folder, slash, last = given.strip("/").rpartition("/")
    return f"{folder}{slash}{row:08d}-{last}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
