"""Tone curves of ICC profiles: what they are at each 8-bit code, and whether they are a known one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

STEPS = 255
"""A curve is compared at 0, 1/255 ... 1."""

TOLERANCE = 1 / 255
"""How far, in encoded values, two curves may be apart and be taken for the same one."""

ADOBE_EXPONENT = 563 / 256
"""Adobe RGB (1998), 4.3.4.2."""

_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
"""How many numbers each function of a parametricCurveType has (ICC.1:2022, table 68)."""


def srgb_encoded(light: float) -> float:
    """The code 0..1 of linear light 0..1 in sRGB (IEC 61966-2-1)."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * float(light ** (1 / 2.4)) - 0.055


def adobe_encoded(light: float) -> float:
    """The same in Adobe RGB (1998)."""
    return float(light ** (1 / ADOBE_EXPONENT))


@lru_cache(maxsize=64)
def is_inverse(tag: bytes, encoded: Callable[[float], float]) -> bool:
    """Does the curve of a profile undo ``encoded``, within TOLERANCE of the code, along its whole length?"""
    light = _light(tag)
    if light is None:
        return False
    return all(abs(encoded(value) - code / STEPS) <= TOLERANCE for code, value in enumerate(light))


def _light(tag: bytes) -> list[float] | None:
    """Linear light 0..1 of the codes 0, 1/255 ... 1; None for a curve that is damaged or of another type."""
    if tag[:4] == b"curv" and len(tag) >= 12:
        return _sampled(tag)
    if tag[:4] == b"para" and len(tag) >= 12:
        return _parametric(tag)
    return None


def _sampled(tag: bytes) -> list[float] | None:
    """A curveType (ICC.1:2022, 10.6): no entry is the identity, one an exponent, more a table of even steps."""
    count = struct.unpack(">I", tag[8:12])[0]
    if len(tag) < 12 + 2 * count:
        return None
    entries = struct.unpack(f">{count}H", tag[12 : 12 + 2 * count])
    if count == 0:
        return [code / STEPS for code in range(STEPS + 1)]
    if count == 1:
        exponent = entries[0] / 256
        return [float((code / STEPS) ** exponent) for code in range(STEPS + 1)]
    return [_between(entries, code / STEPS) / 65_535 for code in range(STEPS + 1)]


def _between(entries: Sequence[int], position: float) -> float:
    """The value at ``position`` 0..1 of a table, linearly between its entries."""
    exact = position * (len(entries) - 1)
    below = min(int(exact), len(entries) - 2)
    share = exact - below
    return entries[below] * (1 - share) + entries[below + 1] * share


def _parametric(tag: bytes) -> list[float] | None:
    """A parametricCurveType (ICC.1:2022, 10.18)."""
    kind = struct.unpack(">H", tag[8:10])[0]
    count = _PARAMETERS.get(kind, 0)
    if not count or len(tag) < 12 + 4 * count:
        return None
    numbers = [value / 65_536 for value in struct.unpack(f">{count}i", tag[12 : 12 + 4 * count])]
    try:
        values = [_function(kind, numbers, code / STEPS) for code in range(STEPS + 1)]
    except (ZeroDivisionError, OverflowError):
        return None
    return [min(max(value, 0.0), 1.0) for value in values]


def _function(kind: int, numbers: Sequence[float], x: float) -> float:
    """The functions 0 to 4 of table 68, in its letters."""
    g, a, b, c, d, e, f = [*numbers, *(0.0,) * (7 - len(numbers))]
    if kind == 0:
        return float(x**g)
    if kind == 1:
        return _power(a * x + b, g) if a * x + b >= 0 else 0.0
    if kind == 2:
        return _power(a * x + b, g) + c if a * x + b >= 0 else c
    if x < d:
        return c * x + f
    return _power(a * x + b, g) + e


def _power(base: float, exponent: float) -> float:
    return float(max(base, 0.0) ** exponent)
