"""The source's own columns: what its lists, tables and sidecars say about each image.

An entry has them as plain data (``Entry.fields``). A table of entries keeps them as JSON (see
``storage.fields``), because their types are known only when the whole source is listed. The catalogue has a column for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.storage.fields import decode_fields
from mrimage.tables.column_types import Columns

if TYPE_CHECKING:
    import pyarrow as pa

SIDECAR_OBJECT = "json"
"""The field with the content of a sample's ``.json``. Its items are columns of their own."""

PREFIX = "source_"
"""Goes before the name of a column that the catalogue has already: ``source_width``."""

EMPTY_LIST = "list<null>"
"""The type of a list without values."""

MOST_COLUMNS = 500
"""Columns of a source at most. Sidecars with names of their own would fill the catalogue."""

_SCALARS = {bool: "bool", int: "int64", float: "double", str: "string"}
_INT64 = 1 << 63


def named_columns(fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """Return the values by the names that their columns have in the catalogue.

    The items of a sample's ``.json`` become columns of their own; a field of the same name wins.
    A name in ``taken`` gets a prefix.

    >>> named_columns({"cls": 3, "json": {"width": 9}}, frozenset({"width"}))
    {'source_width': 9, 'cls': 3}
    """
    if not fields:
        return {}
    inner = fields.get(SIDECAR_OBJECT)
    if isinstance(inner, Mapping):
        rest = {name: value for name, value in fields.items() if name != SIDECAR_OBJECT}
        fields = {**inner, **rest}
    # DuckDB takes Width and width for the same column.
    return {
        f"{PREFIX}{name}" if name.lower() in taken else name: value
        for name, value in fields.items()
    }


class ColumnTypes:
    """Finds a type for each column that holds all of its values.

    Of more than MOST_COLUMNS, those that come first by name count.
    """

    def __init__(self) -> None:
        self._types: dict[str, str | None] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        """Take the values of one image into account."""
        for name, value in values.items():
            known = self._types.get(name)
            if known != "string":
                self._types[name] = _common(known, _type_of(value))
        if len(self._types) > 2 * MOST_COLUMNS:
            # Of the names that are dropped, none can be among the first any more.
            kept = sorted(self._types)[:MOST_COLUMNS]
            self._types = {name: self._types[name] for name in kept}

    def columns(self) -> Columns:
        """Return the columns, sorted by name; one without any value has text."""
        found = {None: "string", EMPTY_LIST: "list<string>"}
        return tuple(
            (name, found.get(self._types[name]) or str(self._types[name]))
            for name in sorted(self._types)[:MOST_COLUMNS]
        )


def _type_of(value: Any) -> str | None:
    """The name of the type of a value; None for null."""
    if value is None:
        return None
    if isinstance(value, list):
        inner: str | None = None
        for item in value:
            inner = _common(inner, _type_of(item))
        if inner is None:
            return EMPTY_LIST
        return f"list<{inner}>" if inner in ("string", "int64", "double") else "string"
    kind = _SCALARS.get(type(value), "string")
    if kind == "int64" and not -_INT64 <= value < _INT64:
        return "string"
    return kind


def _common(one: str | None, other: str | None) -> str | None:
    """The type that holds values of both."""
    if one is None or one == other:
        return other
    if other is None:
        return one
    if EMPTY_LIST in (one, other) and one.startswith("list<") and other.startswith("list<"):
        return one if other == EMPTY_LIST else other
    if {one, other} == {"int64", "double"}:
        return "double"
    if {one, other} == {"list<int64>", "list<double>"}:
        return "list<double>"
    return "string"


def fitted(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Return a value for each column, in its type: null where there is none. In a column of text,
    any other value is written as JSON."""
    return {name: _fitted(values.get(name), kind) for name, kind in columns}


def _fitted(value: Any, kind: str) -> Any:
    if value is None or isinstance(value, str):
        return value
    if kind == "string":
        return msgspec.json.encode(value).decode()
    if kind == "double":
        return float(value)
    if kind.startswith("list<"):
        inner = kind.removeprefix("list<").removesuffix(">")
        return [_fitted(item, inner) for item in value]
    return value


def with_columns(
    table: pa.Table, columns: Columns, schema: pa.Schema, taken: frozenset[str]
) -> pa.Table:
    """Return a table of entries with a column for each of ``columns`` in place of the JSON.

    The result has the columns of ``schema``.
    """
    import pyarrow as pa

    rows: Iterable[dict[str, Any]] = (
        fitted(named_columns(decode_fields(text), taken), columns)
        for text in table["fields"].to_pylist()
    )
    rows = list(rows)
    for name, _ in columns:
        values = pa.array([row[name] for row in rows], schema.field(name).type)
        table = table.append_column(name, values)
    return table.select(schema.names).cast(schema)
