"""Parquet files as DuckDB tables: the only place where a path becomes text that DuckDB parses."""

from __future__ import annotations

from collections.abc import Sequence

_WILDCARDS = "*?["


def parquet_files(paths: Sequence[str], *, filename: bool = False) -> str:
    """Return an SQL table expression that reads the local files ``paths`` (at least one).

    ``filename`` adds a column of this name with each row's path. No character of a path has a
    special meaning: a folder may be called ``status=done``, ``run [2]`` or ``it's``.

    >>> parquet_files(["/run [2]/it's.parquet"])
    "(FROM read_parquet(['/run [[]2]/it''s.parquet'], hive_partitioning = false, filename = false))"
    """
    names = ", ".join(_literal(_as_pattern(path)) for path in paths)
    wants_filename = str(filename).lower()
    options = f"hive_partitioning = false, filename = {wants_filename}"
    # Without the parentheses, DuckDB reads the SEMI or ANTI of a following join as a table alias.
    return f"(FROM read_parquet([{names}], {options}))"


def allowed_paths(paths: Sequence[str]) -> str:
    """Return the value of DuckDB's setting ``allowed_paths`` that lets ``parquet_files(paths)`` run.

    DuckDB checks the pattern that it is given, and then each file that the pattern matches, so the
    value lists both.

    >>> allowed_paths(["/run/a.parquet"])
    "['/run/a.parquet', '/run/a.parquet']"
    """
    literals: list[str] = []
    for path in paths:
        literals.append(_literal(path))
        literals.append(_literal(_as_pattern(path)))
    return f"[{', '.join(literals)}]"


def is_nameable(path: str) -> bool:
    """Return whether DuckDB can read the local ``path``.

    DuckDB takes a backslash in a pattern for a slash, so a path cannot have both a backslash and a
    wildcard character.

    >>> is_nameable("/a [1]"), is_nameable("/a\\\\b"), is_nameable("/a [1]\\\\b")
    (True, True, False)
    """
    has_wildcard = any(char in path for char in _WILDCARDS)
    return "\\" not in path or not has_wildcard


def _as_pattern(path: str) -> str:
    """Return the DuckDB pattern that matches ``path`` and nothing else."""
    return "".join(f"[{char}]" if char in _WILDCARDS else char for char in path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
