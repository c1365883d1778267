"""Runs SQL over the tables of a run, and returns the result as text for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, cast

import duckdb
import msgspec
import pyarrow as pa

from mrimage.errors import UsageError
from mrimage.report import text
from mrimage.report.tables.cells import write_csv
from mrimage.report.tables.views import Tables, open_tables

QueryFormat = Literal["table", "csv", "json"]
ResultRow = tuple[Any, ...]

TABLE_ROWS = 1000
"""The most rows of a table for people; CSV and JSON have all rows."""

CELL_CHARACTERS = 100
"""The most characters of a value in a table for people."""

CHUNK_ROWS = 2000
"""Rows that are fetched and written at a time, so that a result of any length needs little memory."""

_NO_ROWS = "there is no statement in it that returns rows"

_JSON = msgspec.json.Encoder(decimal_format="number")


def stream(
    results: Path,
    sql: str,
    format: QueryFormat = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> Iterator[str]:
    """Yield the result of ``sql`` piece by piece, over the tables in the folder ``results``.

    The views are catalogue, clusters, corrected, duplicates, findings, groups, members, neighbors,
    outputs, quarantine, removed, and image (the processed images of the catalogue, with a column ``pixels``). The result is an aligned
    table, CSV with a header, or a JSON array with an object on each line. In CSV, a text that begins
    like a formula gets an apostrophe before it, unless ``quote_formulas`` is False.

    ``sql`` can only read, and only these tables, unless ``unsafe`` is True: then it can read and
    write files, use the network, and load extensions. Raises UsageError when DuckDB cannot run it.
    """
    if not unsafe:
        refuse_copy(sql)
    with open_tables(results) as tables:
        if not unsafe:
            tables.confine()
        with _errors_of(sql):
            columns, rows = _execute(tables, sql)
            if format == "csv":
                yield from _csv(columns, rows, quote_formulas)
            else:
                yield from _WRITERS[format](columns, rows)


def query(
    results: Path,
    sql: str,
    format: QueryFormat = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> str:
    """Return the whole result of ``stream`` as one text."""
    pieces = stream(results, sql, format, quote_formulas=quote_formulas, unsafe=unsafe)
    return "".join(pieces)


def query_table(results: Path, sql: str) -> pa.Table:
    """Return the result of ``sql`` as an Arrow table, whose columns have distinct names.

    ``sql`` can only read, and only the views of ``stream``. Raises UsageError when DuckDB cannot
    run it.
    """
    refuse_copy(sql)
    with open_tables(results) as tables:
        tables.confine()
        with _errors_of(sql):
            relation = tables.connection.sql(sql)
            if relation is None:
                raise duckdb.Error(_NO_ROWS)
            table = cast(pa.Table, relation.to_arrow_table())
    return table.rename_columns(text.unique(table.column_names))


@contextmanager
def _errors_of(sql: str) -> Iterator[None]:
    """Turn an error of DuckDB that ran ``sql`` into UsageError."""
    try:
        yield
    except duckdb.Error as error:
        reason = text.cut(" ".join(str(error).split()), 400)
        raise UsageError(
            f'DuckDB cannot run "{text.cut(sql)}" on the views catalogue, image, clusters, '
            "corrected, duplicates, findings, groups, members, neighbors, outputs, quarantine and "
            f"removed: {reason}"
        ) from error


def _execute(tables: Tables, sql: str) -> tuple[list[str], Iterator[ResultRow]]:
    """Return the column names of the result, made distinct, and its rows."""
    cursor = tables.connection.execute(sql)
    if not cursor or not cursor.description:
        raise duckdb.Error(_NO_ROWS)
    columns = text.unique(name for name, *_ in cursor.description)
    return columns, chain.from_iterable(_chunks(cursor))


def _chunks(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[ResultRow]]:
    while chunk := cursor.fetchmany(CHUNK_ROWS):
        yield chunk


def refuse_copy(sql: str) -> None:
    """Raise UsageError if the keyword COPY is anywhere in ``sql``.

    ``Tables.confine`` closes every other way to write, but COPY could still overwrite the files of
    the tables. In DuckDB 2.0 even a SELECT may contain a COPY.
    """
    encoded = sql.encode()
    # The tokenizer reports positions in bytes, and no keywords inside strings and comments.
    for position, kind in duckdb.tokenize(sql):
        word = encoded[position : position + 4].lower()
        if kind == duckdb.token_type.keyword and word == b"copy":
            raise UsageError(
                "A query can only read the tables of OUT, but COPY writes a file. To keep a "
                "result, use --format and redirect it. For SQL that you trust with your files, add "
                "--unsafe."
            )


def _table(columns: Sequence[str], rows: Iterator[ResultRow]) -> Iterator[str]:
    """Yield an aligned table, with numbers to the right and terminal control codes made visible."""
    shown = list(islice(rows, TABLE_ROWS))
    cells = [[text.cut(name, CELL_CHARACTERS) for name in columns]]
    cells += [[_cell(value) for value in row] for row in shown]
    places = range(len(columns))
    widths = [max(text.width(row[place]) for row in cells) for place in places]
    to_right = [all(_is_number(row[place]) for row in shown) for place in places]
    for number, row in enumerate(cells):
        yield "  ".join(map(_aligned, row, widths, to_right)).rstrip() + "\n"
        if number == 0:
            yield "  ".join("─" * width for width in widths) + "\n"
    has_more = next(rows, None) is not None
    if has_more:
        yield f"The first {TABLE_ROWS} rows; --format csv gives all.\n"
    else:
        yield f"{text.plural(len(shown), 'row')}\n"
    if any(_is_cut(cell) for row in cells for cell in row):
        yield f"Values are cut to {CELL_CHARACTERS} characters; --format csv gives them whole.\n"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal | None)


def _is_cut(cell: str) -> bool:
    return len(cell) == CELL_CHARACTERS and "…" in cell


def _aligned(cell: str, width: int, to_right: bool) -> str:
    space = " " * (width - text.width(cell))
    return space + cell if to_right else cell + space


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return text.cut(f"{value:.6g}", CELL_CHARACTERS)
    return text.cut(value, CELL_CHARACTERS)


def _csv(columns: Sequence[str], rows: Iterator[ResultRow], quote_formulas: bool) -> Iterator[str]:
    chunk: Sequence[Sequence[object]] = [columns]
    while chunk:
        cells = ([_flat(value) for value in row] for row in chunk)
        yield write_csv(cells, quote_formulas=quote_formulas)
        chunk = list(islice(rows, CHUNK_ROWS))


def _flat(value: object) -> object:
    """Return a list or a struct as JSON, and any other value unchanged."""
    if isinstance(value, list | dict):
        return _JSON.encode(value).decode()
    return value


def _json(columns: Sequence[str], rows: Iterator[ResultRow]) -> Iterator[str]:
    yield "["
    separator = "\n"
    for row in rows:
        named = dict(zip(columns, row, strict=True))
        yield separator + _JSON.encode(named).decode()
        separator = ",\n"
    yield "\n]\n"


_WRITERS: dict[QueryFormat, Callable[[Sequence[str], Iterator[ResultRow]], Iterator[str]]] = {
    "table": _table,
    "json": _json,
}
