"""Lists of images: a text, CSV, JSON Lines or Parquet file that names one a row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from mrimage.errors import SourceError
from mrimage.storage.archives.member import BlockReader
from mrimage.storage.redact import redact
from mrimage.types import ByteSource, Fault

if TYPE_CHECKING:
    import io

TEXT_SUFFIXES = (".txt", ".lst", ".csv", ".tsv", ".jsonl", ".ndjson")
"""Endings of the files that are lists when they are given as the source."""

_COLUMNS = ("url", "uri", "image_url", "image", "path", "file", "file_name", "filename")


def split_column(source: str) -> tuple[str, str | None]:
    """The list's place and the column that is named behind ``#``, if any.

    >>> split_column("list.parquet#url"), split_column("urls.txt")
    (('list.parquet', 'url'), ('urls.txt', None))
    """
    place, mark, column = source.rpartition("#")
    if mark and place.lower().endswith((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")):
        return place, column
    return source, None


def is_list(source: str) -> bool:
    """Whether ``source`` is named like a list: Parquet only with a column, as it may hold the images themselves."""
    place, column = split_column(source)
    return place.lower().endswith(TEXT_SUFFIXES) or column is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list, numbered from 0: the ``text`` that names an image, or why it is ``ignored`` (a key of
    ``source.IGNORED``), or the ``fault`` for which it cannot be read."""

    number: int
    text: str
    ignored: str = ""
    fault: Fault | None = None


def read_rows(source: ByteSource, column: str | None) -> Iterator[Row]:
    """Every row of a list; those of text files that begin with ``#`` are comments."""
    name = source.uri.lower()
    is_text = not name.endswith(".parquet")
    for number, found in enumerate(_texts(source, column)):
        if isinstance(found, Fault):
            yield Row(number, "", fault=found)
            continue
        text = found.strip()
        if not text:
            yield Row(number, text, ignored="empty row")
        elif is_text and text.startswith("#"):
            yield Row(number, text, ignored="comment")
        else:
            yield Row(number, text)


def _texts(source: ByteSource, column: str | None) -> Iterator[str | Fault]:
    name = source.uri.lower()
    if name.endswith(".parquet"):
        return _parquet_rows(source, column)
    if name.endswith((".csv", ".tsv")):
        return _csv_rows(source, column)
    if name.endswith((".jsonl", ".ndjson")):
        return _json_rows(source, column)
    return _lines(source)


def _lines(source: ByteSource) -> Iterator[str]:
    """The lines of a text with their ends, read a megabyte at a time. Bytes that are no UTF-8 are escaped, as they are
    in file names."""
    reader = BlockReader(source)
    encoding = _encoding(source.read(0, 4))
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    rest = ""
    while piece := reader.read(1 << 20):
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        for line in whole:
            yield f"{line}\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _encoding(start: bytes) -> str:
    """The encoding of a text that begins with these four bytes: Windows' tools write UTF-16, with a mark or without."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) == 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) == 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return "utf-8-sig"


def _csv_rows(source: ByteSource, column: str | None) -> Iterator[str | Fault]:
    delimiter = "\t" if source.uri.lower().endswith(".tsv") else ","
    reader = csv.reader(_lines(source), delimiter=delimiter)
    header = next((row for row in reader if row), [])
    chosen = header.index(_choose(header, source.uri, column))
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Fault("unreadable", f"{source.uri}, line {reader.line_num}: {error}.")
            continue
        if row is None:
            return
        yield row[chosen] if chosen < len(row) else ""


def _json_rows(source: ByteSource, column: str | None) -> Iterator[str | Fault]:
    """The column of each line's JSON object; the first object says which names there are."""
    chosen = ""
    for number, line in enumerate(_lines(source), 1):
        if not line.strip():
            yield ""
            continue
        try:
            row = msgspec.json.decode(line.encode("utf-8", "surrogateescape"), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield Fault("unreadable", f"{source.uri}, line {number}: it is not a JSON object.")
            continue
        chosen = chosen or _choose(list(row), source.uri, column)
        text = row.get(chosen)
        if text is None or isinstance(text, str):
            yield text or ""
        else:
            yield Fault("unreadable", f"{source.uri}, line {number}: {chosen} is not text.")


def _parquet_rows(source: ByteSource, column: str | None) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.PythonFile(cast("io.IOBase", BlockReader(source)), mode="r"))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"Cannot read the list {source.uri}: {str(error).partition(chr(10))[0]}"
        ) from error
    chosen = _choose(file.schema_arrow.names, source.uri, column)
    kind = file.schema_arrow.field(chosen).type
    values = (
        kind.value_type if pa.types.is_dictionary(kind) else kind
    )  # a Categorical of pandas is a dictionary
    if not (
        pa.types.is_string(values)
        or pa.types.is_large_string(values)
        or pa.types.is_string_view(values)
    ):
        place = source.uri
        raise SourceError(
            f"Expected text in column {chosen} of the list {place}, but it holds {kind}."
        )
    for batch in file.iter_batches(columns=[chosen]):
        yield from (str(value or "") for value in batch.column(0).to_pylist())


def _choose(names: list[str], uri: str, column: str | None) -> str:
    wanted = (column,) if column else _COLUMNS
    for name in wanted:
        if name in names:
            return name
    expected = column or f"one of {', '.join(_COLUMNS)}"
    raise SourceError(
        f"Expected a column {expected} in the list {uri}, but it has {', '.join(names) or 'none'}. Name it as {uri}#COLUMN."
    )


def secret_rows(source: ByteSource, column: str | None) -> dict[int, str]:
    """The rows whose text has credentials, by their numbers: results name only those rows, not their text."""
    return {
        row.number: row.text for row in read_rows(source, column) if redact(row.text) != row.text
    }
