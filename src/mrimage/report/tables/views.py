"""The tables of a finished run as SQL views. DuckDB reads them out of core, whatever their size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.report.files import MARKS
from mrimage.report.tables.files import allowed_paths, parquet_files
from mrimage.report.tables.interrupts import interrupts_raised
from mrimage.report.tables.spill import temporary_folder

MEMORY_LIMIT = "1GB"
"""The most memory that DuckDB may use. A larger query spills to a temporary folder."""

_COLUMNS = {
    "catalogue": "uri VARCHAR, size BIGINT, version VARCHAR, status VARCHAR, reason VARCHAR",
    "groups": "key VARCHAR, images BIGINT, bytes BIGINT, pixels BIGINT",
    "outputs": "uri VARCHAR, key VARCHAR, output VARCHAR, width INTEGER, height INTEGER, "
    "bytes BIGINT, sha256 VARCHAR",
    "quarantine": "uri VARCHAR, stage VARCHAR, reason VARCHAR, message VARCHAR",
    "members": "key VARCHAR, uri VARCHAR",
    "duplicates": "cluster INTEGER, uri VARCHAR, keep BOOLEAN, reason VARCHAR, kind VARCHAR, "
    "score DOUBLE, rectangle INTEGER[], width INTEGER, height INTEGER, bytes BIGINT, saved BIGINT",
    "findings": "uri VARCHAR, kind VARCHAR, score DOUBLE, threshold DOUBLE, evidence VARCHAR",
    "clusters": "cluster INTEGER, uri VARCHAR, name VARCHAR, distance DOUBLE, rank INTEGER, "
    "x DOUBLE, y DOUBLE",
    "neighbors": "uri VARCHAR, outlier DOUBLE, neighbors VARCHAR[], distances DOUBLE[]",
    "corrected": "key VARCHAR, method VARCHAR, uri VARCHAR, lightness_before DOUBLE, "
    "a_before DOUBLE, b_before DOUBLE, lightness_after DOUBLE, a_after DOUBLE, b_after DOUBLE, "
    "clipped DOUBLE",
    "removed": "output VARCHAR",
    "marks": "uri VARCHAR, mark VARCHAR, tags VARCHAR[]",
    "thumbnails": "uri VARCHAR, width INTEGER, height INTEGER, jpeg BLOB",
}
"""The columns that each view has even if the run did not write its table."""

_FILES = {
    name: f"_run/{name}.parquet" for name in ("members", "corrected", "removed", "thumbnails")
}
"""Paths below OUT of the tables that are not called ``<name>.parquet``."""

# The limits are a little below 5 and 2, because log10 and power round in the last digit: the edge
# itself must fall into the bin that starts there.
_DECADE_BIN = """CREATE TEMP MACRO decade_bin(x) AS (floor(log10(x)) * 3 + CASE
    WHEN x / power(10, floor(log10(x))) >= 4.9999999 THEN 2
    WHEN x / power(10, floor(log10(x))) >= 1.9999999 THEN 1 ELSE 0 END)::INTEGER"""
"""``decade_bin(x)`` numbers the bins that start at 1, 2 and 5 times a power of ten, from bin 0 at 1."""

_CONFINED = (
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "python_enable_replacements = false",
    "enable_external_access = false",
    # The last one, because it makes every later SET an error.
    "lock_configuration = true",
)
"""The settings of a connection that can read the tables and nothing else."""

Connection = duckdb.DuckDBPyConnection
ResultRows = list[tuple[Any, ...]]


class Tables:
    """A DuckDB connection with a view for each table in the folder ``results``.

    The views are ``catalogue``, ``groups``, ``outputs``, ``quarantine``, ``members``,
    ``duplicates``, ``findings``, ``corrected``, ``removed`` and ``thumbnails``. A table that the run did not write is an empty
    view. A ``prefix`` before the names lets the views of two runs share a connection.
    """

    def __init__(self, results: Path, connection: Connection, prefix: str = "") -> None:
        self.results = results
        self.connection = connection
        self._prefix = prefix
        for name in _COLUMNS:
            self.read_again(name)
        self.columns = self.columns_of(prefix + "catalogue")
        if not prefix:
            connection.execute(_DECADE_BIN)
            self._make_image_view()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> ResultRows:
        """Return all rows of a query whose result is small."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        """Return the first row of a query that always has one, such as an aggregate."""
        return self.rows(sql, parameters)[0]

    def columns_of(self, view: str) -> frozenset[str]:
        """Return the names of the columns of ``view``."""
        return frozenset(name for name, *_ in self.rows(f"DESCRIBE {view}"))

    def is_known(self, view: str) -> bool:
        """Return whether ``view`` has the columns of its table, whether or not the run wrote one.

        A program of the job's own may publish others under the same name.
        """
        names = {column.split()[0] for column in _COLUMNS[view].split(", ")}
        return self.columns_of(view) >= names

    @cached_property
    def formats(self) -> frozenset[str]:
        """The formats of the processed images, as far as the catalogue knows them."""
        if not self.has("format"):
            return frozenset()
        return frozenset(name for (name,) in self.rows("SELECT DISTINCT format FROM image"))

    @cached_property
    def has_outputs(self) -> bool:
        """Whether the run made any file. The queries on its outputs need not be asked otherwise."""
        return bool(self.rows("SELECT 1 FROM outputs LIMIT 1"))

    def has(self, *columns: str) -> bool:
        """Return whether the catalogue has all these columns. Those of an extractor may be absent."""
        return self.columns.issuperset(columns)

    def confine(self) -> None:
        """Restrict all later SQL to these tables.

        SQL can then open no other file, no network connection and no extension, read no Python
        variable, and change no setting, this restriction included. DuckDB could still overwrite the
        files of the tables: see ``sql``.
        """
        files = [file for name in _COLUMNS for file in _files(self.results, name)]
        self.connection.execute(f"SET allowed_paths = {allowed_paths(files)}")
        for setting in _CONFINED:
            self.connection.execute(f"SET {setting}")

    def read_again(self, name: str) -> None:
        """Make the view of the table ``name``, of the files that there are now."""
        files = _files(self.results, name)
        _make_view(self.connection, self._prefix + name, files, _COLUMNS[name])

    @property
    def membership(self) -> str:
        """The view whose ``key`` and ``uri`` say which images belong to a group.

        It is ``members`` if the run published that table, or else the lineage in ``outputs``.
        """
        return "members" if self.wrote("members") else "outputs"

    def wrote(self, name: str) -> bool:
        """Return whether the run wrote the table ``name``. If it did not, the view is empty."""
        return bool(_files(self.results, name))

    def _make_image_view(self) -> None:
        """Make the view ``image``: the processed images, with ``pixels`` (NULL without a size)."""
        pixels = "NULL::BIGINT"
        if self.has("width", "height"):
            pixels = "width::BIGINT * height"
        self.connection.execute(
            f"CREATE TEMP VIEW image AS SELECT *, {pixels} AS pixels FROM catalogue "
            "WHERE status = 'processed'"
        )


@contextmanager
def open_tables(results: Path) -> Iterator[Tables]:
    """Open the tables in the folder ``results``, and close them when the block ends."""
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
    """Turn off the progress bar, which DuckDB shows in terminals and in notebooks with ipywidgets.

    In a notebook without ipywidgets, DuckDB 2.0 raises an error for any change of this setting,
    even to turn the bar off. There the bar is off already.
    """
    row = connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()
    if row and row[0]:
        connection.execute("SET enable_progress_bar = false")


def _files(results: Path, name: str) -> list[str]:
    """Return the paths of the files of the table ``name``, which is empty if there are none."""
    if name == "catalogue":
        return [str(path) for path in sorted((results / "catalogue").glob("*.parquet"))]
    path = results / _FILES.get(name, f"{name}.parquet")
    if name == "marks":
        # The explorer keeps them beside OUT, because it writes nothing into it.
        path = Path(f"{results.absolute()}{MARKS}")
        return [str(path)] if _is_parquet(path) else []
    return [str(path)] if path.exists() else []


def _is_parquet(path: Path) -> bool:
    """Return whether the user's own file can be read, so that a bad one spoils no report."""
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        return False
    return {"uri", "mark", "tags"} <= set(names)


def _make_view(connection: Connection, name: str, files: list[str], columns: str) -> None:
    if files:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {parquet_files(files)}"
        )
        return
    fields = []
    for definition in columns.split(", "):
        column, kind = definition.split()
        fields.append(f"NULL::{kind} AS {column}")
    selected = ", ".join(fields)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {selected} WHERE false")
