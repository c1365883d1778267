"""Parquet files with a column of bytes, one image per row, or with the Hugging Face layout
(``struct<bytes, path>``)."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.errors import ImageError
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member, too_large
from mrimage.storage.fields import plain_columns, short_values
from mrimage.storage.names import printable
from mrimage.types import ByteSource

_ROWS = 64
"""Most rows decoded at a time."""

_DECODED = 1 << 30
"""Most bytes that the rows decoded at a time may have, assuming that each of them is as long as
its whole column: a dictionary stores a value once that may be in every row."""

_BOMB_RATIO = 200
_BOMB_FLOOR = 1 << 30
"""A file whose images have more bytes than this, and more than the ratio times the file's own, is
a bomb, as with gzip."""

_KEPT = 128 << 20
"""Bytes of recently read rows that each of the few open archives keeps."""

_BLOCK = 64 << 10


class ParquetArchive:
    """The images of a Parquet file. A member's ``offset`` is its row in ``column``.

    The row's number is part of a member's name, which makes it unique: the path
    ``train/cat.jpg`` in row 17 becomes ``train/00000017-cat.jpg``.
    """

    def __init__(self, source: ByteSource) -> None:
        self._uri = source.uri
        self._source = source
        self._lock = threading.Lock()
        self._group: _RowGroup | None = None

    def members(self) -> Iterator[Member]:
        file = self._open()
        columns = image_columns(file.schema_arrow)
        if not columns:
            return
        self._require_plausible(_uncompressed_size(file, columns))
        try:
            for column in columns:
                prefix = f"{printable(column)}/" if len(columns) > 1 else ""
                yield from self._members_of_column(file, column, prefix)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _members_of_column(
        self, file: pq.ParquetFile, column: str, prefix: str
    ) -> Iterator[Member]:
        # Parquet does not store the lengths of values, so listing decodes them all, a few rows
        # at a time.
        plain = plain_columns(file.schema_arrow)
        row = 0
        total = 0
        for group in range(file.num_row_groups):
            for values, others in _batches(file, group, column, plain):
                data, paths = _bytes_and_paths(values)
                rows = others.to_pylist()
                lengths = pc.binary_length(cast("pa.BinaryArray", data)).to_pylist()
                total += sum(length or 0 for length in lengths)
                self._require_plausible(total)
                for path, length, fields in zip(paths, lengths, rows, strict=True):
                    name = prefix + _member_name(row, path)
                    # A row with only a path refers to a file outside the table.
                    elsewhere = path if length is None and path else ""
                    yield Member(
                        name,
                        length or 0,
                        row,
                        column=column,
                        elsewhere=elsewhere,
                        fields=short_values(fields),
                    )
                    row += 1

    def _require_plausible(self, size: int) -> None:
        """Raise ImageError if the file holds implausibly many bytes of images.

        A value stored once may be in every row, and a page of zeros compresses to nothing.
        """
        if size > _BOMB_FLOOR and size > _BOMB_RATIO * self._source.size:
            raise ImageError(
                "too-large", f"{self._uri} holds more than {_BOMB_RATIO} times its size in images."
            )

    def open(self, member: Member) -> ByteSource:
        uri = f"{self._uri}!/{member.name}"
        return _RowSource(self, uri, member.column, member.offset, member.size)

    def value(self, column: str, row: int) -> bytes:
        """The bytes of ``column`` in ``row``. Fast for rows in order; recent ones are kept."""
        with self._lock:
            try:
                group = self._group
                if group is None or group.column != column or row not in group.rows:
                    group = self._find_group(column, row)
                    self._group = group
                return group.value(row)
            except BaseException as error:
                # A decoder that was interrupted cannot continue.
                self._group = None
                if isinstance(error, (pa.ArrowException, OSError)):
                    raise self._damaged(error) from error
                raise

    def _find_group(self, column: str, row: int) -> _RowGroup:
        file = self._open()
        first = 0
        for number in range(file.num_row_groups):
            rows = range(first, first + file.metadata.row_group(number).num_rows)
            if row in rows:
                values = (values for values, _ in _batches(file, number, column))
                return _RowGroup(column, rows, values)
            first = rows.stop
        raise ImageError("changed", f"{self._uri} has no row {row} any more.")

    def _open(self) -> pq.ParquetFile:
        if self._source.size == 0:
            raise ImageError("empty", f"{self._uri} has no bytes.")
        try:
            # Arrow needs nothing but a readable, seekable file.
            reader = cast("io.IOBase", BlockReader(self._source, _BLOCK))
            return pq.ParquetFile(pa.PythonFile(reader, mode="r"))
        except (pa.ArrowException, OSError) as error:
            # PAR1 begins and ends the file: if only the beginning is there, the end is missing.
            reason = "truncated" if self._source.read(0, 4) == b"PAR1" else "corrupt"
            raise ImageError(
                reason, f"{self._uri} is not an intact Parquet file: {_first_line(error)}"
            ) from error

    def _damaged(self, error: Exception) -> ImageError:
        return ImageError("corrupt", f"{self._uri} is damaged: {_first_line(error)}")


class _RowGroup:
    """One column of a row group, decoded only as far as needed.

    ``rows`` are the rows that it can still return.
    """

    def __init__(self, column: str, rows: range, batches: Iterator[pa.Array[Any]]) -> None:
        self.column = column
        self.rows = rows
        self._batches = batches
        self._kept: deque[pa.Array[Any]] = deque()
        self._kept_bytes = 0
        self._end = rows.start

    def value(self, row: int) -> bytes:
        while row >= self._end:
            self._decode_batch(row)
        start = self._end
        for values in reversed(self._kept):
            start -= len(values)
            if row >= start:
                return bytes(values[row - start].as_py() or b"")
        raise AssertionError(row)

    def _decode_batch(self, row: int) -> None:
        values = next(self._batches, None)
        if values is None:
            raise pa.ArrowInvalid(f"a row group ends {row - self._end + 1} rows early")
        data, _ = _bytes_and_paths(values)
        self._kept.append(data)
        self._kept_bytes += data.nbytes
        self._end += len(values)
        while len(self._kept) > 1 and self._kept_bytes > _KEPT:
            oldest = self._kept.popleft()
            self._kept_bytes -= oldest.nbytes
            self.rows = range(self.rows.start + len(oldest), self.rows.stop)


class _RowSource:
    """One value of a Parquet file as a ByteSource."""

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


def _uncompressed_size(file: pq.ParquetFile, columns: list[str]) -> int:
    """Bytes of the columns' uncompressed pages, according to the file's metadata.

    Dictionaries count once.
    """
    total = 0
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        for index in range(group.num_columns):
            chunk = group.column(index)
            column = chunk.path_in_schema.partition(".")[0]
            if column in columns:
                total += chunk.total_uncompressed_size
    return total


def image_columns(schema: pa.Schema) -> list[str]:
    """The columns that hold bytes: binary ones, and structs with a binary field ``bytes`` (Hugging
    Face)."""
    return [
        field.name for field in schema if _is_binary(field.type) or _is_image_struct(field.type)
    ]


def _is_binary(column_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(column_type):
        return _is_binary(column_type.value_type)
    return bool(
        pa.types.is_binary(column_type)
        or pa.types.is_large_binary(column_type)
        or pa.types.is_binary_view(column_type)
    )


def _is_image_struct(column_type: pa.DataType) -> bool:
    if not pa.types.is_struct(column_type):
        return False
    index = column_type.get_field_index("bytes")
    return index >= 0 and _is_binary(column_type.field(index).type)


def _batches(
    file: pq.ParquetFile, group: int, column: str, others: Sequence[str] = ()
) -> Iterator[tuple[pa.Array[Any], pa.RecordBatch]]:
    """Yield the rows of one column of a row group and those of ``others``, a few at a time."""
    group_bytes = max(1, file.metadata.row_group(group).total_byte_size)
    batch_rows = max(1, min(_ROWS, _DECODED // group_bytes))
    for batch in file.iter_batches(
        batch_size=batch_rows, row_groups=[group], columns=[column, *others], use_threads=False
    ):
        yield batch.column(column), batch.select(list(others))


def _bytes_and_paths(values: pa.Array[Any]) -> tuple[pa.Array[Any], list[str | None]]:
    """The bytes in a column, and the path next to each of them, or None."""
    if not pa.types.is_struct(values.type):
        return values.cast(pa.large_binary()), [None] * len(values)
    bytes_index = values.type.get_field_index("bytes")
    data = pc.struct_field(values, [bytes_index]).cast(pa.large_binary())
    path_index = values.type.get_field_index("path")
    if path_index < 0:
        return data, [None] * len(values)
    return data, pc.struct_field(values, [path_index]).to_pylist()


def _member_name(row: int, path: str | None) -> str:
    path = path.strip("/") if isinstance(path, str) else ""
    if not path:
        return f"{row:08d}"
    folder, slash, last = path.rpartition("/")
    return f"{folder}{slash}{row:08d}-{last}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
