"""Tone curves of ICC profiles: compute their values, and recognize those of known color spaces."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

STEPS = 255
"""Curves are compared at 0, 1/255 ... 1: at every 8-bit code."""

TOLERANCE = 1 / 255
"""Two curves are the same if their codes differ by no more than this: one step of 8 bits."""

ADOBE_EXPONENT = 563 / 256
"""The exponent of Adobe RGB (1998), 4.3.4.2."""

_PARAMETER_COUNTS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
"""The number of parameters of each function of a parametricCurveType (ICC.1:2022, table 68)."""


def srgb_encoded(light: float) -> float:
    """The code 0..1 of linear light 0..1 in sRGB (IEC 61966-2-1)."""
    if light <= 0.0031308:
        return 12.92 * light
    return 1.055 * float(light ** (1 / 2.4)) - 0.055


def adobe_encoded(light: float) -> float:
    """The code 0..1 of linear light 0..1 in Adobe RGB (1998)."""
    return float(light ** (1 / ADOBE_EXPONENT))


@lru_cache(maxsize=64)
def is_inverse(tag: bytes, encoded: Callable[[float], float]) -> bool:
    """Return whether the curve of a profile is the inverse of ``encoded``, within TOLERANCE.

    ``tag`` is the body of the profile's tag: from code to light, where ``encoded`` leads back.
    """
    light = _light(tag)
    if light is None:
        return False
    return all(abs(encoded(value) - code / STEPS) <= TOLERANCE for code, value in enumerate(light))


def _light(tag: bytes) -> list[float] | None:
    """The linear light 0..1 of the codes 0, 1/255 ... 1.

    None if the curve is damaged or of an unknown type.
    """
    if tag[:4] == b"curv" and len(tag) >= 12:
        return _sampled(tag)
    if tag[:4] == b"para" and len(tag) >= 12:
        return _parametric(tag)
    return None


def _sampled(tag: bytes) -> list[float] | None:
    """The light of a curveType (ICC.1:2022, 10.6).

    No entry means the identity, one entry is an exponent, and more are a table of even steps.
    """
    count = struct.unpack(">I", tag[8:12])[0]
    if len(tag) < 12 + 2 * count:
        return None
    entries = struct.unpack(f">{count}H", tag[12 : 12 + 2 * count])
    codes = [code / STEPS for code in range(STEPS + 1)]
    if count == 0:
        return codes
    if count == 1:
        exponent = entries[0] / 256
        return [float(code**exponent) for code in codes]
    return [_interpolated(entries, code) / 65_535 for code in codes]


def _interpolated(entries: Sequence[int], position: float) -> float:
    """The value at ``position`` 0..1 of a table, linearly interpolated between its entries."""
    exact = position * (len(entries) - 1)
    below = min(int(exact), len(entries) - 2)
    share = exact - below
    return entries[below] * (1 - share) + entries[below + 1] * share


def _parametric(tag: bytes) -> list[float] | None:
    """The light of a parametricCurveType (ICC.1:2022, 10.18)."""
    function = struct.unpack(">H", tag[8:10])[0]
    count = _PARAMETER_COUNTS.get(function, 0)
    if not count or len(tag) < 12 + 4 * count:
        return None
    stored = struct.unpack(f">{count}i", tag[12 : 12 + 4 * count])
    parameters = [value / 65_536 for value in stored]
    try:
        values = [_value(function, parameters, code / STEPS) for code in range(STEPS + 1)]
    except (ZeroDivisionError, OverflowError):
        return None
    return [min(max(value, 0.0), 1.0) for value in values]


def _value(function: int, parameters: Sequence[float], x: float) -> float:
    """The value at ``x`` of one of the functions 0 to 4 of ICC.1:2022, table 68.

    The letters are those of the table. Parameters that a function does not have are zero.
    """
    unused = (0.0,) * (7 - len(parameters))
    g, a, b, c, d, e, f = [*parameters, *unused]
    if function == 0:
        return float(x**g)
    line = a * x + b
    if function == 1:
        return _power(line, g) if line >= 0 else 0.0
    if function == 2:
        return _power(line, g) + c if line >= 0 else c
    if x < d:
        return c * x + f
    return _power(line, g) + e


def _power(base: float, exponent: float) -> float:
    """A negative base, whose power would be complex, counts as zero."""
    return float(max(base, 0.0) ** exponent)
