"""The tables of a finished run as SQL views; DuckDB reads them out of core, whatever their size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from mrimage.report.tables.files import allowed_paths, parquet_files
from mrimage.report.tables.interrupts import interrupts_raised
from mrimage.report.tables.spill import temporary_folder

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold in memory; beyond it, it spills to a temporary folder."""

_COLUMNS = {
    "catalogue": "uri VARCHAR, size BIGINT, version VARCHAR, status VARCHAR, reason VARCHAR",
    "groups": "key VARCHAR, images BIGINT, bytes BIGINT, pixels BIGINT",
    "outputs": "uri VARCHAR, key VARCHAR, output VARCHAR, width INTEGER, height INTEGER, bytes BIGINT, sha256 VARCHAR",
    "quarantine": "uri VARCHAR, stage VARCHAR, reason VARCHAR, message VARCHAR",
    "members": "key VARCHAR, uri VARCHAR",
    "removed": "output VARCHAR",
    "thumbnails": "uri VARCHAR, width INTEGER, height INTEGER, jpeg BLOB",
}
_FILES = {name: f"_run/{name}.parquet" for name in ("members", "removed", "thumbnails")}

_DECADE_BIN = """CREATE TEMP MACRO decade_bin(x) AS (floor(log10(x)) * 3 + CASE
    WHEN x / power(10, floor(log10(x))) >= 4.9999999 THEN 2
    WHEN x / power(10, floor(log10(x))) >= 1.9999999 THEN 1 ELSE 0 END)::INTEGER"""
"""``decade_bin(x)`` numbers the bins that start at 1, 2 and 5 times the powers of ten; bin 0 starts at 1."""

_CONFINED = (
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "python_enable_replacements = false",
    "enable_external_access = false",
    "lock_configuration = true",
)

Connection = duckdb.DuckDBPyConnection
Rows = list[tuple[Any, ...]]


class Tables:
    """A connection with the views ``catalogue``, ``groups``, ``outputs``, ``quarantine``, ``members``,
    ``removed`` and ``thumbnails`` over the folder ``results``. A table that the run did not write is an empty view."""

    def __init__(self, results: Path, connection: Connection, prefix: str = "") -> None:
        self.results = results
        self.connection = connection
        for name in _COLUMNS:
            _make_view(connection, prefix + name, _files(results, name), _COLUMNS[name])
        self.columns = self.columns_of(prefix + "catalogue")
        if not prefix:
            connection.execute(_DECADE_BIN)
            self._make_images()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """All rows of a query whose result is small."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        """The first row of a query that always has one, such as an aggregate."""
        return self.rows(sql, parameters)[0]

    def columns_of(self, view: str) -> frozenset[str]:
        """The names of a view's columns."""
        return frozenset(name for name, *_ in self.rows(f"DESCRIBE {view}"))

    def has(self, *columns: str) -> bool:
        """Whether the catalogue has all of these columns (those of an extractor may be absent)."""
        return self.columns.issuperset(columns)

    def confine(self) -> None:
        """From here on SQL reaches these tables, and no other file, no network, no extension, no variable of Python's and
        no setting, this one included. DuckDB could still write over the files of the tables: see ``sql``."""
        files = [file for name in _COLUMNS for file in _files(self.results, name)]
        self.connection.execute(f"SET allowed_paths = {allowed_paths(files)}")
        for setting in _CONFINED:
            self.connection.execute(f"SET {setting}")

    @property
    def membership(self) -> str:
        """The view (key, uri) of which images a group has: what the run published, or else its lineage."""
        return "members" if _files(self.results, "members") else "outputs"

    def _make_images(self) -> None:
        """``image``: what was processed, with the two numbers that nearly every figure wants."""
        pixels = "width::BIGINT * height" if self.has("width", "height") else "NULL::BIGINT"
        self.connection.execute(
            f"CREATE TEMP VIEW image AS SELECT *, {pixels} AS pixels FROM catalogue WHERE status = 'processed'"
        )


@contextmanager
def open_tables(results: Path) -> Iterator[Tables]:
    """Open the tables of ``results``; the connection and its spill folder go when the block ends."""
    with temporary_folder() as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill / "duckdb"),
            "preserve_insertion_order": False,
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            _hide_progress(connection)
            with interrupts_raised():
                yield Tables(results, connection)
        finally:
            connection.close()


def _hide_progress(connection: Connection) -> None:
    """Show no progress bar, which DuckDB turns on in terminals, and in notebooks that have ipywidgets.

    In those without ipywidgets any change of this setting is an error (DuckDB 2.0), even to turn it off.
    """
    row = connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()
    if row and row[0]:
        connection.execute("SET enable_progress_bar = false")


def _files(results: Path, name: str) -> list[str]:
    if name == "catalogue":
        return [str(path) for path in sorted((results / "catalogue").glob("*.parquet"))]
    path = results / _FILES.get(name, f"{name}.parquet")
    return [str(path)] if path.exists() else []


def _make_view(connection: Connection, name: str, files: list[str], columns: str) -> None:
    if files:
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {parquet_files(files)}")
        return
    fields = ", ".join(
        f"NULL::{kind} AS {column}"
        for column, kind in (field.split() for field in columns.split(", "))
    )
    connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {fields} WHERE false")
