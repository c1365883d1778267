"""Parquet files with a column of bytes, one image per row, or with the Hugging Face layout
(``struct<bytes, path>``)."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import ImageError
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, Member, too_large
from mrimage.storage.archives.parquet_pages import Chunk, Page, PageError, read_chunks, read_pages
from mrimage.storage.fields import plain_columns, short_values
from mrimage.storage.names import printable
from mrimage.types import ByteSource

_ROWS = 64
"""Most rows decoded at a time."""

_DECODED = 256 << 20
"""Most bytes that the rows decoded at a time may have, assuming that each of them is as long as
its whole column: a dictionary stores a value once that may be in every row."""

_BOMB_RATIO = 200
_BOMB_FLOOR = 1 << 30
"""A file whose images have more bytes than this, and more than the ratio times the file's own, is
a bomb, as with gzip."""

_PAGE_FLOOR = 256 << 20
"""A page with more bytes than this, and more than the ratio times its compressed ones, is a bomb.
Arrow decompresses a page as a whole."""

_LONGEST_HOLE = 1 << 20
"""Bytes between the parts of a column that are read along with them."""

_KEPT = 128 << 20
"""Bytes of recently read rows that each of the few open archives keeps."""

_BLOCK = 64 << 10

_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What PyArrow raises for a damaged file, the last one for a name that is no UTF-8."""


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
        self._chunks: list[list[Chunk]] | None = None

    def members(self) -> Iterator[Member]:
        table = self._open()
        columns = image_columns(table.file.schema_arrow)
        if not columns:
            return
        self._require_plausible(table.uncompressed_size(columns))
        try:
            for column in columns:
                prefix = f"{printable(column)}/" if len(columns) > 1 else ""
                yield from self._members_of_column(table, column, prefix)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _members_of_column(self, table: _Table, column: str, prefix: str) -> Iterator[Member]:
        # Parquet does not store the lengths of values, so listing decodes them all, a few rows
        # at a time.
        import pyarrow.compute as pc

        plain = plain_columns(table.file.schema_arrow)
        row = 0
        total = 0
        for group in range(table.file.num_row_groups):
            for values, others in self._batches(table, group, column, plain):
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
                if isinstance(error, _DAMAGE):
                    raise self._damaged(error) from error
                raise

    def _find_group(self, column: str, row: int) -> _RowGroup:
        table = self._open()
        first = 0
        for number in range(table.file.num_row_groups):
            rows = range(first, first + table.file.metadata.row_group(number).num_rows)
            if row in rows:
                values = (values for values, _ in self._batches(table, number, column))
                return _RowGroup(column, rows, values)
            first = rows.stop
        raise ImageError("changed", f"{self._uri} has no row {row} any more.")

    def _batches(
        self, table: _Table, group: int, column: str, others: Sequence[str] = ()
    ) -> Iterator[tuple[pa.Array[Any], pa.RecordBatch]]:
        """Yield the rows of one column of a row group and those of ``others``, a few at a time.

        Raises ImageError before anything is decoded if the columns would take implausibly much
        memory.
        """
        leaves = _leaves(table.file.schema_arrow, column)
        size = 0
        for page in table.pages(group, [*leaves, *others]):
            is_bomb = page.uncompressed > max(_PAGE_FLOOR, _BOMB_RATIO * page.compressed)
            if is_bomb or page.uncompressed > MAX_MEMBER:
                raise ImageError(
                    "too-large",
                    f"{self._uri} has a page that claims {page.uncompressed} bytes, and is stored "
                    f"in {page.compressed}.",
                )
            size += page.header + page.uncompressed
        self._require_plausible(size)
        batch_rows = max(1, min(_ROWS, _DECODED // max(1, size)))
        for batch in table.file.iter_batches(
            batch_size=batch_rows, row_groups=[group], columns=[*leaves, *others], use_threads=False
        ):
            # By its place, because several columns may have one name.
            place = batch.schema.names.index(column)
            yield batch.column(place), batch.select(list(others))

    def _open(self) -> _Table:
        if self._source.size == 0:
            raise ImageError("empty", f"{self._uri} has no bytes.")
        try:
            # Arrow needs nothing but a readable, seekable file.
            reader = BlockReader(self._source, _BLOCK)
            file = pq.ParquetFile(pa.PythonFile(cast("io.IOBase", reader), mode="r"))
            if self._chunks is None:
                self._chunks = _chunks_of(reader)
            return _Table(file, reader, self._chunks)
        except _DAMAGE as error:
            # PAR1 begins and ends the file: if only the beginning is there, the end is missing.
            reason = "truncated" if self._source.read(0, 4) == b"PAR1" else "corrupt"
            raise ImageError(
                reason, f"{self._uri} is not an intact Parquet file: {_first_line(error)}"
            ) from error

    def _damaged(self, error: Exception) -> ImageError:
        return ImageError("corrupt", f"{self._uri} is damaged: {_first_line(error)}")


class _Table:
    """An open Parquet file, and the reader through which Arrow reads it.

    ``chunks`` are the columns of each row group. Raises ArrowInvalid for a damaged footer.
    """

    def __init__(
        self, file: pq.ParquetFile, reader: BlockReader, chunks: list[list[Chunk]]
    ) -> None:
        self.file = file
        self._reader = reader
        self._groups = chunks
        if len(chunks) != file.num_row_groups:
            raise pa.ArrowInvalid("its footer is damaged: a row group is not one")

    def uncompressed_size(self, columns: list[str]) -> int:
        """Bytes of the columns' uncompressed pages, according to the footer.

        Dictionaries count once.
        """
        chunks = [chunk for group in self._groups for chunk in group]
        ours = [chunk for chunk in chunks if chunk.path.partition(".")[0] in columns]
        return sum(chunk.uncompressed for chunk in ours)

    def pages(self, group: int, leaves: list[str]) -> Iterator[Page]:
        """Yield the pages of columns of a row group, or of leaves of columns, from their headers.

        Raises ArrowInvalid for damage.
        """
        chunks = [
            chunk
            for chunk in self._groups[group]
            # A list has its values in a leaf below it.
            if any(chunk.path == leaf or chunk.path.startswith(f"{leaf}.") for leaf in leaves)
        ]
        try:
            for chunk, data in zip(chunks, self._read(chunks), strict=True):
                yield from read_pages(data, chunk.values)
        except PageError as error:
            raise pa.ArrowInvalid(str(error)) from error

    def _read(self, chunks: list[Chunk]) -> list[memoryview]:
        """The bytes of column chunks, read at once if they lie together.

        Arrow asks for the same bytes next, and gets them from the reader's memory.
        """
        if not chunks:
            raise PageError("a column is missing from a row group")
        end_of_file = self._reader.seek(0, 2)
        if any(chunk.start + chunk.compressed > end_of_file for chunk in chunks):
            raise PageError("a column lies outside the file")
        first = min(chunk.start for chunk in chunks)
        end = max(chunk.start + chunk.compressed for chunk in chunks)
        if end - first > sum(chunk.compressed for chunk in chunks) + _LONGEST_HOLE:
            parts = [_read_at(self._reader, chunk.start, chunk.compressed) for chunk in chunks]
            return [memoryview(part) for part in parts]
        data = memoryview(_read_at(self._reader, first, end - first))
        places = [(chunk.start - first, chunk.compressed) for chunk in chunks]
        return [data[start : start + length] for start, length in places]


def _chunks_of(reader: BlockReader) -> list[list[Chunk]]:
    """The columns of each row group, from the footer. Raises ArrowInvalid for damage."""
    # Behind the footer come its length and a magic number, 4 bytes each.
    end = reader.seek(0, 2) - 8
    length = int.from_bytes(_read_at(reader, end, 4), "little")
    try:
        return read_chunks(_read_at(reader, end - length, length))
    except PageError as error:
        raise pa.ArrowInvalid(f"its footer is damaged: {error}") from error


def _read_at(reader: BlockReader, start: int, length: int) -> bytes:
    reader.seek(start)
    return reader.read(length)


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


def _leaves(schema: pa.Schema, column: str) -> list[str]:
    """The parts of a column that hold bytes and paths, by their paths in the schema. Other parts of
    a struct are not read."""
    column_type = next(field.type for field in schema if field.name == column)
    if not pa.types.is_struct(column_type):
        return [column]
    index = column_type.get_field_index("path")
    has_path = index >= 0 and _is_text(column_type.field(index).type)
    names = ["bytes", "path"] if has_path else ["bytes"]
    return [f"{column}.{name}" for name in names]


def _is_text(column_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(column_type):
        return _is_text(column_type.value_type)
    return bool(
        pa.types.is_string(column_type)
        or pa.types.is_large_string(column_type)
        or pa.types.is_string_view(column_type)
    )


def _bytes_and_paths(values: pa.Array[Any]) -> tuple[pa.Array[Any], list[str | None]]:
    """The bytes in a column, and the path next to each of them, or None."""
    import pyarrow.compute as pc

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
