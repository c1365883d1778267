"""The types of columns that a job's own extractors and its source add to the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Columns = tuple[tuple[str, str], ...]
"""Names of columns, each with the name of its type: a value of COLUMN_TYPES."""

COLUMN_TYPES: Mapping[Any, str] = {
    str: "string",
    int: "int64",
    float: "double",
    bool: "bool",
    datetime: "timestamp[ms]",
    list[str]: "list<string>",
    list[int]: "list<int64>",
    list[float]: "list<double>",
}
"""Names of Arrow types by the types of Python. Each column can hold nulls."""
