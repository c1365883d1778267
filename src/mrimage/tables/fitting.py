"""Whether a row fits its table: asked of each image before anything of it is kept, because a value that a column
cannot hold would otherwise end the task that carries it, and with it the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import pyarrow as pa

from mrimage.errors import brief

Check = Callable[[object], bool]


def misfits(row: Mapping[str, object], schema: pa.Schema) -> dict[str, str]:
    """Why the table cannot hold the row, by column; empty for a row that fits. Columns that the row lacks are null."""
    reasons: dict[str, str] = {}
    for name, obviously_fits in _checks(schema):
        value = row.get(name)
        if value is None or obviously_fits(value):
            continue
        reason = _refusal(value, schema.field(name).type)
        if reason is not None:
            reasons[name] = reason
    return reasons


def _refusal(value: object, kind: pa.DataType) -> str | None:
    """What Arrow says of a value that it cannot store as ``kind``; None where it can."""
    try:
        pa.array([value], kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return f"{brief(value)} does not fit a column of {kind}"
    return None


@lru_cache(maxsize=8)
def _checks(schema: pa.Schema) -> tuple[tuple[str, Check], ...]:
    """A quick test for each column. Arrow itself takes 0.2 ms a row, as long as reading a header does, so that it is
    asked only about values that do not pass."""
    return tuple((field.name, _quick_check(field.type)) for field in schema)


def _quick_check(kind: pa.DataType) -> Check:
    if pa.types.is_signed_integer(kind):
        bound = 1 << (kind.bit_width - 1)
        return lambda value: type(value) is int and -bound <= value < bound
    if pa.types.is_string(kind):
        return lambda value: type(value) is str and value.isascii()
    if pa.types.is_floating(kind):
        return lambda value: type(value) is float
    if pa.types.is_boolean(kind):
        return lambda value: type(value) is bool
    return lambda value: False
