"""Lists of images: a text, CSV or Parquet file that names one a row."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from mrimage.errors import SourceError
from mrimage.storage.archives.member import BlockReader
from mrimage.storage.redact import redact
from mrimage.types import ByteSource

if TYPE_CHECKING:
    import io

TEXT_SUFFIXES = (".txt", ".lst", ".csv", ".tsv")
"""Endings of the files that are lists when they are given as the source."""

_COLUMNS = ("url", "uri", "image_url", "image", "path", "file", "file_name", "filename")


def split_column(source: str) -> tuple[str, str | None]:
    """The list's place and the column that is named behind ``#``, if any.

    >>> split_column("list.parquet#url"), split_column("urls.txt")
    (('list.parquet', 'url'), ('urls.txt', None))
    """
    place, mark, column = source.rpartition("#")
    if mark and place.lower().endswith((".csv", ".tsv", ".parquet")):
        return place, column
    return source, None


def is_list(source: str) -> bool:
    """Whether ``source`` is named like a list: Parquet only with a column, as it may hold the images themselves."""
    place, column = split_column(source)
    return place.lower().endswith(TEXT_SUFFIXES) or column is not None


def read_rows(source: ByteSource, column: str | None) -> Iterator[tuple[int, str]]:
    """The rows of a list with their numbers, from 0; empty rows and, in text files, ``#`` comments are left out."""
    name = source.uri.lower()
    if name.endswith(".parquet"):
        rows = _parquet_rows(source, column)
    else:
        rows = _csv_rows(source, column) if name.endswith((".csv", ".tsv")) else _lines(source)
    for number, row in enumerate(rows):
        row = row.strip()
        if row and not (row.startswith("#") and not name.endswith(".parquet")):
            yield number, row


def _lines(source: ByteSource) -> Iterator[str]:
    """The lines of a text with their ends, read a megabyte at a time; bytes that are no UTF-8 are escaped."""
    reader = BlockReader(source)
    rest = b""
    first = True
    while piece := reader.read(1 << 20):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield _decoded(line + b"\n", first)
            first = False
    if rest:
        yield _decoded(rest, first)


def _decoded(line: bytes, first: bool) -> str:
    return line.decode("utf-8-sig" if first else "utf-8", "surrogateescape")


def _csv_rows(source: ByteSource, column: str | None) -> Iterator[str]:
    uri = source.uri
    reader = csv.DictReader(_lines(source), delimiter="\t" if uri.lower().endswith(".tsv") else ",")
    chosen = _choose(list(reader.fieldnames or ()), uri, column)
    return (row[chosen] or "" for row in reader)


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
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
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


def url_at(source: ByteSource, column: str | None, row: int) -> str | None:
    """The text of one row; a list is read once per process."""
    return _all_rows(os.getpid(), _Keyed(source, column)).get(row)


class _Keyed:
    """A list as the key of the cache: the same place and column are the same list."""

    def __init__(self, source: ByteSource, column: str | None) -> None:
        self.source = source
        self.column = column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and (self.source.uri, self.column) == (
            other.source.uri,
            other.column,
        )

    def __hash__(self) -> int:
        return hash((self.source.uri, self.column))


@lru_cache(maxsize=2)
def _all_rows(process: int, keyed: _Keyed) -> dict[int, str]:
    # Only what is redacted elsewhere has to be looked up here.
    return {
        row: text for row, text in read_rows(keyed.source, keyed.column) if redact(text) != text
    }
