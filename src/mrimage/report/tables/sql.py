"""Answers SQL over the tables of a run, as text for people and for other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec

from mrimage.errors import UsageError
from mrimage.report import text
from mrimage.report.tables.cells import write_csv
from mrimage.report.tables.views import open_tables

Format = Literal["table", "csv", "json"]
Row = tuple[Any, ...]

TABLE_ROWS = 1000
"""Rows of a table for people; the other formats give all."""

CELL = 100
"""Characters of a value in a table for people."""

CHUNK = 2000
"""Rows that are read and written at a time, so that a list of any length takes little memory."""

_JSON = msgspec.json.Encoder(decimal_format="number")


def stream(
    results: Path,
    sql: str,
    format: Format = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> Iterator[str]:
    """The answer to ``sql`` over the views catalogue, groups, members, outputs, quarantine, removed, and image (what
    was processed, with a column ``pixels``), piece by piece: an aligned table, CSV with a header, or a JSON array with an
    object on each line. In CSV a text that begins like a formula gets an apostrophe before it, unless ``quote_formulas`` is
    False.

    ``sql`` reaches nothing but the tables, and only reads, unless it is ``unsafe``: then it may read and write files,
    use the network and load extensions. Raises UsageError when DuckDB cannot run it.
    """
    if not unsafe:
        _refuse_copy(sql)
    with open_tables(results) as tables:
        if not unsafe:
            tables.confine()
        try:
            cursor = tables.connection.execute(sql)
            if not cursor or not cursor.description:
                raise duckdb.Error("there is nothing to answer in it")
            columns = text.unique(name for name, *_ in cursor.description)
            rows = chain.from_iterable(iter(lambda: cursor.fetchmany(CHUNK), []))
            if format == "csv":
                yield from _csv(columns, rows, quote_formulas)
            else:
                yield from _WRITERS[format](columns, rows)
        except duckdb.Error as error:
            reason = text.cut(" ".join(str(error).split()), 400)
            raise UsageError(
                "Expected SQL that DuckDB can run on the views catalogue, image, groups, members, outputs, "
                f'quarantine and removed, but received "{text.cut(sql)}": {reason}'
            ) from error


def query(
    results: Path,
    sql: str,
    format: Format = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> str:
    """The whole answer of ``stream``."""
    pieces = stream(results, sql, format, quote_formulas=quote_formulas, unsafe=unsafe)
    return "".join(pieces)


def _refuse_copy(sql: str) -> None:
    """Raise UsageError for SQL with the keyword COPY, wherever it stands: in DuckDB 2.0 a SELECT may hold one too. All
    other ways to write are closed by ``Tables.confine``; this one would still reach the files of the tables."""
    text = sql.encode()
    keywords = [at for at, kind in duckdb.tokenize(sql) if kind == duckdb.token_type.keyword]
    if any(text[at : at + 4].lower() == b"copy" for at in keywords):
        raise UsageError(
            "Expected SQL that reads the tables of OUT, but COPY writes a file. To keep an answer, use --format and "
            "redirect it; for SQL that you trust with your files, add --unsafe."
        )


def _table(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    """Columns aligned, numbers to the right; nothing that a terminal would obey gets through."""
    shown = list(islice(rows, TABLE_ROWS))
    cells = [
        [text.cut(name, CELL) for name in columns],
        *([_cell(value) for value in row] for row in shown),
    ]
    widths = [max(text.width(row[i]) for row in cells) for i in range(len(columns))]
    right = [
        all(isinstance(row[i], int | float | Decimal | None) for row in shown)
        for i in range(len(columns))
    ]
    for number, row in enumerate(cells):
        yield "  ".join(map(_aligned, row, widths, right)).rstrip() + "\n"
        if number == 0:
            yield "  ".join("─" * width for width in widths) + "\n"
    more = next(rows, None) is not None
    yield (
        f"The first {TABLE_ROWS} rows; --format csv gives all.\n"
        if more
        else f"{text.plural(len(shown), 'row')}\n"
    )
    if any(len(cell) == CELL and "…" in cell for row in cells for cell in row):
        yield f"Values are cut to {CELL} characters; --format csv gives them whole.\n"


def _aligned(cell: str, width: int, right: bool) -> str:
    space = " " * (width - text.width(cell))
    return space + cell if right else cell + space


def _cell(value: object) -> str:
    if value is None:
        return ""
    return text.cut(f"{value:.6g}" if isinstance(value, float) else value, CELL)


def _csv(columns: Sequence[str], rows: Iterator[Row], quote_formulas: bool) -> Iterator[str]:
    part: Sequence[Sequence[object]] = [columns]
    while part:
        cells = ([_flat(value) for value in row] for row in part)
        yield write_csv(cells, quote_formulas=quote_formulas)
        part = list(islice(rows, CHUNK))


def _flat(value: object) -> object:
    return _JSON.encode(value).decode() if isinstance(value, list | dict) else value


def _json(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + _JSON.encode(
            dict(zip(columns, row, strict=True))
        ).decode()
    yield "\n]\n"


_WRITERS: dict[Format, Callable[[Sequence[str], Iterator[Row]], Iterator[str]]] = {
    "table": _table,
    "json": _json,
}
