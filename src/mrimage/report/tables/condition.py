"""The images of a finished run that a condition in SQL selects, with all that the run says of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from mrimage.errors import UsageError
from mrimage.report import text
from mrimage.report.tables.views import Tables, open_tables

VIEW = "images_of_run"

_FOUND = ("clusters", "duplicates", "neighbors")
"""Tables with one row for an image, whose columns a condition can use."""

_IN_CATALOGUE = {"clusters": {"cluster", "x", "y"}, "neighbors": {"outlier"}}
"""Columns of these tables that the catalogue has as well, under the same names."""

_ALWAYS = ("uri", "size", "version")


class ImagesOfRun:
    """A run's catalogue, joined with what its programs found.

    ``columns`` are the names of all columns: those of the catalogue; those of clusters.parquet and
    duplicates.parquet, null for an image without a row there, with the table's name before a name
    that is taken (``duplicates_cluster``); and ``findings``, a list of the kinds in
    findings.parquet.
    """

    def __init__(self, tables: Tables) -> None:
        self._connection = tables.connection
        columns = {name: f'c."{_escaped(name)}"' for name in sorted(tables.columns)}
        joins = []
        for table in _FOUND:
            if not tables.wrote(table) or "uri" not in tables.columns_of(table):
                continue
            in_catalogue = _IN_CATALOGUE.get(table, set())
            for name in sorted(tables.columns_of(table) - {"uri"} - in_catalogue):
                free = f"{table}_{name}" if name in columns else name
                columns[free] = f'{table}."{_escaped(name)}"'
            joins.append(
                f"LEFT JOIN (SELECT DISTINCT ON (uri) * FROM {table} ORDER BY ALL) {table} "
                f"ON {table}.uri = c.uri"
            )
        if "findings" not in columns:
            columns["findings"] = "coalesce(findings.kinds, [])"
            joins.append(
                "LEFT JOIN (SELECT uri, list(kind ORDER BY kind) AS kinds FROM findings "
                "GROUP BY uri) findings ON findings.uri = c.uri"
            )
        self.columns = frozenset(columns)
        chosen = ", ".join(f'{sql} AS "{_escaped(name)}"' for name, sql in columns.items())
        self._connection.execute(
            f"CREATE TEMP VIEW {VIEW} AS SELECT {chosen} FROM catalogue c {' '.join(joins)}"
        )
        tables.confine()

    def select(self, condition: str | None, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield uri, size, version and the columns ``names`` of the images that ``condition``
        selects, sorted by uri; of all images if it is None.

        Raises UsageError if DuckDB cannot run the condition. It can read the tables of the run and
        nothing else, and it cannot write.
        """
        wanted = dict.fromkeys((*_ALWAYS, *names))
        columns = ", ".join(f'"{_escaped(name)}"' for name in wanted)
        # On lines of its own, so that a comment in it ends.
        where = f"WHERE (\n{condition}\n)" if condition is not None else ""
        query = f"SELECT {columns} FROM {VIEW} {where} ORDER BY uri"
        try:
            if condition is not None:
                self._require_condition(condition)
            yield from self._connection.sql(query).to_arrow_reader(10_000)
        except duckdb.Error as error:
            reason = text.cut(" ".join(str(error).split()), 300)
            raise UsageError(
                "--where needs a condition in SQL about columns of the earlier run, such as "
                f'"sharpness < 100", but got "{text.cut(condition or "")}": {reason}'
            ) from error

    def _require_condition(self, condition: str) -> None:
        """Raise duckdb.Error unless the text is one expression."""
        statements = duckdb.extract_statements(f"SELECT (\n{condition}\n)")
        if len(statements) != 1:
            raise duckdb.Error("it is more than one condition")
        encoded = condition.encode()
        for position, kind in duckdb.tokenize(condition):
            word = encoded[position : position + 4].lower()
            # In DuckDB 2.0 even a SELECT may contain a COPY, which writes a file.
            if kind == duckdb.token_type.keyword and word == b"copy":
                raise duckdb.Error("COPY writes a file")


@contextmanager
def open_images(results: Path) -> Iterator[ImagesOfRun]:
    """Open the tables of a finished run in the folder ``results``; close them with the block."""
    with open_tables(results) as tables:
        yield ImagesOfRun(tables)


def _escaped(name: str) -> str:
    return name.replace('"', '""')
