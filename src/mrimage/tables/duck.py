"""DuckDB as this project uses it: bounded memory, spilling to the run's scratch folder, the same answer always."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from mrimage.report.tables.files import parquet_files
from mrimage.report.tables.interrupts import interrupts_raised
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
        with interrupts_raised(), system_errors(str(scratch)):
            yield connection
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


def read_parquet(paths: list[str], schema: pa.Schema, *, filename: bool = False) -> str:
    """A table expression over Parquet files; over none, an empty table with the schema's columns. ``filename`` adds a column
    with the path of each row's file."""
    if paths:
        return parquet_files(paths, filename=filename)
    columns = [f'NULL::{_sql_type(field.type)} AS "{field.name}"' for field in schema]
    if filename:
        columns.append("NULL::VARCHAR AS filename")
    return f"(SELECT {', '.join(columns)} WHERE false)"


def batches(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    values: tuple[str, ...] = (),
    rows: int = 10_000,
) -> Iterator[pa.RecordBatch]:
    """The query's result as a stream of Arrow batches of about ``rows`` rows; ``values`` fill its ``?``."""
    yield from connection.sql(query, params=list(values)).to_arrow_reader(rows)


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        fields = ", ".join(f'"{field.name}" {_sql_type(field.type)}' for field in kind)
        return f"STRUCT({fields})"
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
