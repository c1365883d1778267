"""What lists, tables and sidecars say about images: labels, captions, numbers, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.storage.names import printable

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 64 << 10
"""Characters of a text at most. A longer one is data of its own, and would fill the tables."""

MOST_ITEMS = 256
"""Items of a list or an object at most."""

DEEPEST = 8
"""Levels of lists and objects at most."""


def number_of(text: str) -> Any:
    """Return the number that a cell of CSV holds, if it is written as Python would write it. Then
    no text is lost: ``007`` and ``1.50`` stay as they are. An empty cell is None.

    >>> [number_of(text) for text in ("7", "0.5", "007", "cat", "")]
    [7, 0.5, '007', 'cat', None]
    """
    if not text:
        return None
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text and value - value == 0:
            return value
    return text


def plain_columns(schema: pa.Schema) -> list[str]:
    """Return the names of the columns of numbers, text, dates, and lists of text or whole numbers.

    Several columns of one name are left out, because Arrow cannot tell them apart.
    """
    import pyarrow as pa

    def is_plain(kind: pa.DataType) -> bool:
        if pa.types.is_dictionary(kind):
            return is_plain(kind.value_type)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            # A list of floating-point numbers is a vector, which is too long for a label.
            inner = kind.value_type
            return is_text(inner) or bool(pa.types.is_integer(inner))
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        is_date = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
        return is_text(kind) or bool(is_number or is_date or pa.types.is_boolean(kind))

    def is_text(kind: pa.DataType) -> bool:
        return bool(
            pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_string_view(kind)
        )

    names = Counter(schema.names)
    return [field.name for field in schema if names[field.name] == 1 and is_plain(field.type)]


def short_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that are too long to be a label or a caption."""
    return {name: value for name, value in values.items() if name and _is_short(value)}


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    if isinstance(value, list | dict):
        return len(value) <= MOST_ITEMS
    return True


def plain_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a field may have.

    Dates become text, and bytes that are no text are escaped as in file names. Nulls, nested objects
    that are too deep, and other values that JSON does not know are left out.
    """
    fields = {}
    for name, value in values.items():
        if isinstance(value, date | datetime):
            value = value.isoformat()
        if value is not None and _is_plain(value):
            fields[printable(str(name))] = printable(value) if isinstance(value, str) else value
    return fields


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, float):
        return value - value == 0  # JSON has neither infinity nor NaN
    if depth > DEEPEST:
        return False
    if isinstance(value, list):
        return all(_is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        are_texts = all(isinstance(name, str) for name in value)
        return are_texts and all(_is_plain(item, depth + 1) for item in value.values())
    return value is None or isinstance(value, bool | int | str)


def encode_fields(fields: Mapping[str, Any]) -> str:
    """Return the fields as JSON: equal fields give equal text, none give an empty one."""
    if not fields:
        return ""
    return msgspec.json.encode(fields, order="deterministic").decode()


def decode_fields(text: str | None) -> dict[str, Any]:
    """Return the fields that ``encode_fields`` wrote."""
    if not text:
        return {}
    return msgspec.json.decode(text, type=dict[str, Any])
