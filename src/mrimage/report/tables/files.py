"""Parquet files as a table of DuckDB's: the one place where a path becomes text that DuckDB reads."""

from __future__ import annotations

from collections.abc import Sequence

_WILD = "*?["


def parquet_files(paths: Sequence[str], *, filename: bool = False) -> str:
    """A table expression over the local files ``paths``, of which there is at least one; ``filename`` adds the column of
    this name. A folder may be called ``status=done``, ``run [2]`` or ``it's``: nothing in a path has a meaning.

    >>> parquet_files(["/run [2]/it's.parquet"])
    "(FROM read_parquet(['/run [[]2]/it''s.parquet'], hive_partitioning = false, filename = false))"
    """
    names = ", ".join(_literal(_exactly(path)) for path in paths)
    options = f"hive_partitioning = false, filename = {str(filename).lower()}"
    # In parentheses, because DuckDB takes the SEMI or ANTI of a join that follows a bare call for the table's alias.
    return f"(FROM read_parquet([{names}], {options}))"


def allowed_paths(paths: Sequence[str]) -> str:
    """The value of DuckDB's setting ``allowed_paths`` with which a ``parquet_files`` of ``paths`` can be read: it
    compares the pattern that it is given, and then each file that it finds by it.

    >>> allowed_paths(["/run/a.parquet"])
    "['/run/a.parquet', '/run/a.parquet']"
    """
    return f"[{', '.join(_literal(name) for path in paths for name in (path, _exactly(path)))}]"


def is_nameable(path: str) -> bool:
    """Whether DuckDB can be given the local ``path``: in a pattern, it takes a backslash for a slash.

    >>> is_nameable("/a [1]"), is_nameable("/a\\\\b"), is_nameable("/a [1]\\\\b")
    (True, True, False)
    """
    return "\\" not in path or not any(char in path for char in _WILD)


def _exactly(path: str) -> str:
    """A path as DuckDB's pattern for itself."""
    return "".join(f"[{char}]" if char in _WILD else char for char in path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
