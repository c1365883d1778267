"""Lists of images: text, CSV, JSON Lines or Parquet files that name one image per row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec

from mrimage.errors import SourceError
from mrimage.storage.archives.member import BlockReader
from mrimage.storage.fields import number_of, plain_columns, short_values
from mrimage.storage.redact import redact
from mrimage.types import ByteSource, Fault

if TYPE_CHECKING:
    import io

    import pyarrow as pa

TEXT_SUFFIXES = (".txt", ".lst", ".csv", ".tsv", ".jsonl", ".ndjson")
"""Suffixes of the files that count as lists when they are the source."""

_COLUMNS = ("url", "uri", "image_url", "image", "path", "file", "file_name", "filename")
"""Columns that may name the images if the user names none: the first one present is used."""

_PIECE = 1 << 20
"""Bytes of a text that are decoded at a time."""


def split_column(source: str) -> tuple[str, str | None]:
    """The list's own name, and the column after ``#`` or None.

    >>> split_column("list.parquet#url"), split_column("urls.txt")
    (('list.parquet', 'url'), ('urls.txt', None))
    """
    name, mark, column = source.rpartition("#")
    if mark and name.lower().endswith((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")):
        return name, column
    return source, None


def is_list(source: str) -> bool:
    """Whether the name of ``source`` is a list's.

    Parquet needs a column for that, since it may hold the images themselves.
    """
    name, column = split_column(source)
    return name.lower().endswith(TEXT_SUFFIXES) or column is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list, numbered from 0.

    ``text`` names an image, and ``fields`` are the values of the other columns. Otherwise
    ``ignored`` says why the row is skipped (a key of ``types.IGNORED``), or ``fault`` says why it
    cannot be read.
    """

    number: int
    text: str
    ignored: str = ""
    fault: Fault | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


Found = tuple[str, Mapping[str, Any]]
"""The name of an image, and the other columns of its row."""

_NOTHING_ELSE: Mapping[str, Any] = {}


def read_rows(source: ByteSource, column: str | None) -> Iterator[Row]:
    """Yield every row of a list. In a text file, rows that begin with ``#`` are comments."""
    name = source.uri.lower()
    is_text = not name.endswith(".parquet")
    for number, found in enumerate(_texts(source, column)):
        if isinstance(found, Fault):
            yield Row(number, "", fault=found)
            continue
        name_of_image, fields = found
        text = name_of_image.strip()
        if not text:
            yield Row(number, text, ignored="empty row")
        elif is_text and text.startswith("#"):
            yield Row(number, text, ignored="comment")
        else:
            yield Row(number, text, fields=short_values(fields))


def _texts(source: ByteSource, column: str | None) -> Iterator[Found | Fault]:
    name = source.uri.lower()
    if name.endswith(".parquet"):
        return _parquet_rows(source, column)
    if name.endswith((".csv", ".tsv")):
        return _csv_rows(source, column)
    if name.endswith((".jsonl", ".ndjson")):
        return _json_rows(source, column)
    return ((line, _NOTHING_ELSE) for line in _lines(source))


def _lines(source: ByteSource) -> Iterator[str]:
    """Yield the lines of a text with their line ends.

    Bytes that are not valid UTF-8 become surrogate escapes, as in file names.
    """
    reader = BlockReader(source)
    encoding = _encoding(source.read(0, 4))
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    rest = ""
    while piece := reader.read(_PIECE):
        text = rest + decoder.decode(piece)
        *lines, rest = text.split("\n")
        for line in lines:
            yield f"{line}\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _encoding(start: bytes) -> str:
    """Guess the encoding of a text from its first four bytes.

    Windows tools write UTF-16, with or without a byte order mark.
    """
    # The mark of UTF-32-LE begins with the mark of UTF-16-LE, so UTF-32 is checked first.
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, two ASCII characters give it away: every other byte is 0.
    if len(start) == 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) == 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return "utf-8-sig"


def _csv_rows(source: ByteSource, column: str | None) -> Iterator[Found | Fault]:
    delimiter = "\t" if source.uri.lower().endswith(".tsv") else ","
    reader = csv.reader(_lines(source), delimiter=delimiter)
    header = next((row for row in reader if row), [])
    chosen = _choose_column(header, source.uri, column)
    index = header.index(chosen)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Fault("unreadable", f"{source.uri}, line {reader.line_num}: {error}.")
            continue
        if row is None:
            return
        values = dict(zip(header, row, strict=False))
        fields = {name: number_of(value) for name, value in values.items() if name != chosen}
        yield row[index] if index < len(row) else "", fields


def _json_rows(source: ByteSource, column: str | None) -> Iterator[Found | Fault]:
    """Yield the column of each line's JSON object. The first object shows which names exist."""
    chosen = ""
    for number, line in enumerate(_lines(source), 1):
        if not line.strip():
            yield "", _NOTHING_ELSE
            continue
        try:
            row = msgspec.json.decode(line.encode("utf-8", "surrogateescape"), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield Fault("unreadable", f"{source.uri}, line {number}: it is not a JSON object.")
            continue
        if not chosen:
            chosen = _choose_column(list(row), source.uri, column)
        text = row.pop(chosen, None)
        if text is None or isinstance(text, str):
            yield text or "", row
        else:
            yield Fault("unreadable", f"{source.uri}, line {number}: {chosen} is not text.")


def _parquet_rows(source: ByteSource, column: str | None) -> Iterator[Found]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow calls only read, seek, tell and close.
        reader = cast("io.IOBase", BlockReader(source))
        file = pq.ParquetFile(pa.PythonFile(reader, mode="r"))
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise SourceError(f"Cannot read the list {source.uri}: {first_line}") from error
    chosen = _choose_column(file.schema_arrow.names, source.uri, column)
    column_type = file.schema_arrow.field(chosen).type
    if not _is_text(column_type):
        raise SourceError(
            f"Column {chosen} of the list {source.uri} must hold text, but it holds {column_type}."
        )
    others = [name for name in plain_columns(file.schema_arrow) if name != chosen]
    for batch in file.iter_batches(columns=[chosen, *others]):
        for row in batch.to_pylist():
            value = row.pop(chosen)
            yield str(value or ""), row


def _is_text(column_type: pa.DataType) -> bool:
    import pyarrow as pa

    # A Categorical of pandas is stored as a dictionary.
    if pa.types.is_dictionary(column_type):
        column_type = column_type.value_type
    return bool(
        pa.types.is_string(column_type)
        or pa.types.is_large_string(column_type)
        or pa.types.is_string_view(column_type)
    )


def _choose_column(names: list[str], uri: str, column: str | None) -> str:
    candidates = (column,) if column else _COLUMNS
    for name in candidates:
        if name in names:
            return name
    needed = f"a column {column}" if column else f"a column named one of {', '.join(_COLUMNS)}"
    has = ", ".join(names) or "no columns"
    raise SourceError(
        f"The list {uri} needs {needed}, but it has {has}. Name the column: {uri}#COLUMN."
    )


def secret_rows(source: ByteSource, column: str | None) -> dict[int, str]:
    """The texts that contain credentials, by row number.

    Results name only the rows, so the credentials stay in the list.
    """
    rows: dict[int, str] = {}
    for row in read_rows(source, column):
        if redact(row.text) != row.text:
            rows[row.number] = row.text
    return rows
