"""SQL over the tables of OUT for the page: confined to these tables, and stopped after a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from mrimage.errors import UsageError
from mrimage.report import text
from mrimage.report.tables.files import parquet_files
from mrimage.report.tables.sql import refuse_copy
from mrimage.report.tables.views import Tables, open_tables

SECONDS = 5.0
"""How long one query of the page may run."""

MEMORY = "200MB"
"""The most memory of one connection; larger queries spill to a temporary folder."""


class Database:
    """The tables of OUT, one query at a time. Its views are those of ``mrimage query``, and
    ``rows``: the catalogue with a number ``row`` for each image, in the order of the files.

    ``catalogue`` and ``starts`` are the catalogue's files and the number of each one's first row.
    """

    def __init__(
        self, tables: Tables, catalogue: Sequence[Path], starts: Sequence[int], seconds: float
    ) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._seconds = seconds
        connection = tables.connection
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("CREATE TEMP TABLE starts (filename VARCHAR, start BIGINT)")
        for path, start in zip(catalogue, starts, strict=True):
            connection.execute("INSERT INTO starts VALUES (?, ?)", [str(path), start])
        files = parquet_files([str(path) for path in catalogue], filename=True)
        numbered = files.replace("filename = true", "filename = true, file_row_number = true")
        connection.execute(
            "CREATE TEMP VIEW rows AS SELECT c.* EXCLUDE (filename, file_row_number), "
            "s.start + c.file_row_number AS row "
            f"FROM {numbered} c JOIN starts s USING (filename)"
        )
        tables.confine()

    def has(self, *columns: str) -> bool:
        """Return whether the catalogue has all these columns."""
        return self._tables.has(*columns)

    def wrote(self, name: str) -> bool:
        """Return whether the run wrote the table ``name``."""
        return self._tables.wrote(name)

    def table(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Return the result of ``sql``, which is ours, as an Arrow table."""
        with self._running() as connection:
            return cast(pa.Table, connection.sql(sql, params=list(parameters)).to_arrow_table())

    def records(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of a small result of ``sql``, which is ours."""
        return self.table(sql, parameters).to_pylist()

    def matching(self, condition: str) -> pa.Table:
        """Return the column ``row`` of the images that meet a condition of the user's.

        Raises UsageError if it is no condition on the catalogue, or takes too long.
        """
        sql = f"SELECT row FROM rows WHERE (\n{condition}\n)"
        try:
            refuse_copy(sql)
            with self._running() as connection:
                statements = connection.extract_statements(sql)
                is_select = [one.type for one in statements] == [duckdb.StatementType.SELECT]
                if not is_select:
                    raise UsageError("A condition is one SQL expression, without a semicolon.")
                found = cast(pa.Table, connection.sql(sql).to_arrow_table())
        except duckdb.Error as error:
            reason = " ".join(str(error).split())
            raise UsageError(text.cut(reason, 400)) from error
        if found.column_names != ["row"] or not pa.types.is_integer(found.schema.types[0]):
            raise UsageError("A condition is one SQL expression that is true or false.")
        return found

    @contextmanager
    def _running(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the connection to this thread alone; interrupt what takes too long."""
        with self._lock:
            connection = self._tables.connection
            timer = threading.Timer(self._seconds, connection.interrupt)
            timer.start()
            try:
                yield connection
            except (duckdb.InterruptException, KeyboardInterrupt) as error:
                raise UsageError(
                    f"The query took longer than {self._seconds:g} seconds, and was stopped."
                ) from error
            finally:
                timer.cancel()


@contextmanager
def open_database(
    results: Path, catalogue: Sequence[Path], starts: Sequence[int], seconds: float = SECONDS
) -> Iterator[Database]:
    """Open a database over the folder ``results``, and close it when the block ends."""
    with open_tables(results) as tables:
        yield Database(tables, catalogue, starts, seconds)
