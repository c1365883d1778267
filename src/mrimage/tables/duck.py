"""DuckDB as this project uses it: bounded memory, spilling to the run's scratch folder, the same answer always."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from mrimage.storage.local import system_errors

MEMORY = "160MB"
"""What a process may hold before it spills."""


@contextmanager
def connect(scratch: Path, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an in-memory database whose large intermediate results go to ``scratch``."""
    spill = scratch / "duckdb"
    spill.mkdir(parents=True, exist_ok=True)
    connection = _database(os.getpid(), str(spill), threads).cursor()
    try:
        with system_errors(str(scratch)):
            yield connection
    except RuntimeError as error:
        if "interrupted" in str(
            error
        ):  # what DuckDB makes of the KeyboardInterrupt of a signal's handler
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.close()


@lru_cache(maxsize=1)
def _database(process: int, spill: str, threads: int) -> duckdb.DuckDBPyConnection:
    """One database a process: making one costs ten milliseconds, a connection to it a tenth of one."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": threads,
        "temp_directory": spill,
        "preserve_insertion_order": False,
    }
    return duckdb.connect(":memory:", config=settings)


def read_parquet(paths: list[str], schema: pa.Schema) -> str:
    """A table expression over Parquet files; over none, an empty table with the schema's columns."""
    if not paths:
        columns = ", ".join(f'NULL::{_sql_type(field.type)} AS "{field.name}"' for field in schema)
        return f"(SELECT {columns} WHERE false)"
    names = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    # In parentheses, because DuckDB takes the SEMI or ANTI of a join that follows a bare call for the table's alias.
    return f"(FROM read_parquet([{names}], hive_partitioning = false))"


def batches(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    values: tuple[str, ...] = (),
    rows: int = 10_000,
) -> Iterator[pa.RecordBatch]:
    """The query's result as a stream of Arrow batches of about ``rows`` rows; ``values`` fill its ``?``."""
    yield from connection.sql(query, params=list(values)).to_arrow_reader(rows)


def _sql_type(kind: pa.DataType) -> str:
    names = {
        pa.string(): "VARCHAR",
        pa.binary(): "BLOB",
        pa.bool_(): "BOOLEAN",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        pa.uint64(): "UBIGINT",
        pa.float64(): "DOUBLE",
        pa.timestamp("ms"): "TIMESTAMP_MS",
    }
    return names.get(kind) or "VARCHAR[]"
