"""Check whether a row fits its table.

Each image's row is checked before any of its results are kept. Otherwise a value that a column
cannot hold would fail the whole task, and with it the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import pyarrow as pa

from mrimage.errors import brief

Check = Callable[[object], bool]
"""A quick test of a value. True means that it fits its column, False that Arrow has to decide."""


def misfits(row: Mapping[str, object], schema: pa.Schema) -> dict[str, str]:
    """Reasons why the table cannot hold the row, by column; empty if the row fits.

    A column that the row lacks counts as null, which always fits.
    """
    reasons: dict[str, str] = {}
    for name, fits_obviously in _checks(schema):
        value = row.get(name)
        if value is None or fits_obviously(value):
            continue
        reason = _refusal(value, schema.field(name).type)
        if reason is not None:
            reasons[name] = reason
    return reasons


def _refusal(value: object, arrow_type: pa.DataType) -> str | None:
    """A message if Arrow cannot store the value as ``arrow_type``, otherwise None."""
    try:
        pa.array([value], arrow_type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return f"{brief(value)} does not fit a column of {arrow_type}"
    return None


@lru_cache(maxsize=8)
def _checks(schema: pa.Schema) -> tuple[tuple[str, Check], ...]:
    """A quick test for each column.

    Arrow's own check takes 0.2 ms a row, as long as reading a header. So it runs only on values
    that fail the quick test.
    """
    return tuple((field.name, _quick_check(field.type)) for field in schema)


def _quick_check(arrow_type: pa.DataType) -> Check:
    # ``type(...) is`` rather than isinstance: True is an int, and a subclass may behave otherwise.
    if pa.types.is_signed_integer(arrow_type):
        bound = 1 << (arrow_type.bit_width - 1)
        return lambda value: type(value) is int and -bound <= value < bound
    if pa.types.is_string(arrow_type):
        # A text beyond ASCII may hold a lone surrogate, which Arrow cannot encode.
        return lambda value: type(value) is str and value.isascii()
    if pa.types.is_floating(arrow_type):
        return lambda value: type(value) is float
    if pa.types.is_boolean(arrow_type):
        return lambda value: type(value) is bool
    if pa.types.is_fixed_size_list(arrow_type):
        length = arrow_type.list_size
        return lambda value: (
            type(value) is list and len(value) == length and type(value[0]) is float
        )
    return lambda value: False
