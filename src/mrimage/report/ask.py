"""Answers SQL over the tables of a run, as text for people and for other tools."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec

from mrimage.errors import UsageError
from mrimage.report import text
from mrimage.report.tables import open_tables

Format = Literal["table", "csv", "json"]

TABLE_ROWS = 1000
"""Rows of a table for people; the other formats give all."""

_CELL = 60


def query(results: Path, sql: str, format: Format = "table") -> str:
    """The answer to ``sql`` over the views catalogue, groups, outputs, quarantine, and image (what was processed,
    with a column ``pixels``): an aligned table, CSV with a header, or a JSON array of objects.

    Raises UsageError when DuckDB cannot run it.
    """
    with open_tables(results) as tables:
        try:
            cursor = tables.connection.execute(sql)
            columns = [name for name, *_ in cursor.description or []]
            rows = cursor.fetchmany(TABLE_ROWS + 1) if format == "table" else cursor.fetchall()
        except duckdb.Error as error:
            reason = text.cut(" ".join(str(error).split()), 400)
            raise UsageError(
                "Expected SQL that DuckDB can run on the views catalogue, image, groups, outputs and quarantine, "
                f'but received "{text.cut(sql)}": {reason}'
            ) from error
    return {"table": _table, "csv": _csv, "json": _json}[format](columns, rows)


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    """Columns aligned, numbers to the right; nothing that a terminal would obey gets through."""
    shown = rows[:TABLE_ROWS]
    cells = [[_cell(value) for value in row] for row in shown]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    right = [all(isinstance(row[i], int | float | None) for row in shown) for i in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        )
        for row in [list(columns), ["─" * width for width in widths], *cells]
    ]
    count = (
        f"{text.plural(len(shown), 'row')}"
        if len(rows) <= TABLE_ROWS
        else f"The first {TABLE_ROWS} rows; --format csv gives all."
    )
    return "\n".join([*(line.rstrip() for line in lines), count]) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return text.cut(f"{value:.6g}" if isinstance(value, float) else value, _CELL)


def _csv(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_flat(value) for value in row] for row in rows)
    return buffer.getvalue()


def _flat(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value


def _json(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    return msgspec.json.format(msgspec.json.encode(objects), indent=2).decode() + "\n"
