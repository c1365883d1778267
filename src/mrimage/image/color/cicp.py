"""Color spaces by the code points of Rec. ITU-T H.273: their names, and profiles for LittleCMS.

PNG's cICP chunk, AVIF, HEIC and JPEG XL name their color space by these numbers: one for the
primaries, one for the transfer function.

The profile of a high dynamic range space (PQ or HLG of Rec. ITU-R BT.2100-2) maps it to the range
of a screen. Its curve, applied to each channel alone, compresses the light of a display of 1,000
cd/m² to a peak of 203 cd/m², the reference white of Rep. ITU-R BT.2408-7. The compression is the
EETF of Rep. ITU-R BT.2390-11, 5.4.1: light below 91 cd/m² stays as it is, and the reference white
becomes 78 % of white, which is 228 of 255 in sRGB.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mrimage.image.color.primaries import BT_2020, DISPLAY_P3, SRGB
from mrimage.image.color.profiles import (
    curve_profile,
    gray_curve_profile,
    gray_exponent_profile,
    matrix_profile,
)

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_PQ = 16
_HLG = 18

_PRIMARIES = {1: SRGB, 2: SRGB, 9: BT_2020, 12: DISPLAY_P3}
"""Chromaticities by code point (H.273, table 2). 2 means unspecified."""

_EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0}
"""Transfer functions that are a power (H.273, table 3).

All others except PQ and HLG are close to sRGB's curve, and are read as that or as a power of 2.2.
"""

_NAMES = {
    (1, 13): "srgb",
    (12, 13): "display-p3",
    (9, _PQ): "rec2100-pq",
    (9, _HLG): "rec2100-hlg",
}
"""The catalogue's names of color spaces by primaries and transfer function."""

_AS_SRGB = frozenset([(1, 1), (1, 2), (2, 2), (2, 13), (1, 6)])
"""BT.709 and unspecified code points, which every viewer shows as sRGB."""

PEAK = 1000.0
"""cd/m²: the peak of the display for which a high dynamic range image is assumed to be made."""

WHITE = 203.0
"""cd/m²: the light that becomes white."""

_STEPS = 4096
"""Entries of the curve in a profile."""


def space_of(primaries: int, transfer: int) -> str:
    """The catalogue's name of a color space; ``rgb-other`` if it has none."""
    if (primaries, transfer) in _AS_SRGB:
        return "srgb"
    return _NAMES.get((primaries, transfer), "rgb-other")


@lru_cache(maxsize=32)
def profile_of(primaries: int, transfer: int) -> bytes | None:
    """An RGB profile of the color space; None if it is sRGB or its primaries are unknown."""
    chromaticities = _PRIMARIES.get(primaries)
    if chromaticities is None or space_of(primaries, transfer) == "srgb":
        return None
    name = f"H.273 {primaries}/{transfer}"
    if transfer not in (_PQ, _HLG):
        return matrix_profile(name, chromaticities, _EXPONENTS.get(transfer, 2.2))
    # Identity matrix and full range, as RGB needs.
    code_points = bytes((primaries, transfer, 0, 1))
    return curve_profile(name, chromaticities, _screen_light(transfer), code_points)


@lru_cache(maxsize=32)
def gray_profile_of(transfer: int) -> bytes | None:
    """A gray profile of the transfer function; None if it is sRGB's or close to it."""
    name = f"H.273 gray {transfer}"
    if transfer in (_PQ, _HLG):
        return gray_curve_profile(name, _screen_light(transfer))
    exponent = _EXPONENTS.get(transfer)
    return None if exponent is None else gray_exponent_profile(name, exponent)


def _screen_light(transfer: int) -> Array:
    """The linear light that a screen shows for the codes 0..1 of PQ or HLG, where 1 is white."""
    import numpy as np

    codes = np.linspace(0, 1, _STEPS)
    if transfer == _PQ:
        return _compressed(_pq_light(codes)) / WHITE
    # The OOTF of HLG (BT.2100-2, table 5) has the exponent 1.2 on a display of 1,000 cd/m².
    display_light = PEAK * _hlg_light(codes) ** 1.2
    return _compressed(display_light) / WHITE


def _compressed(light: Array) -> Array:
    """The EETF: ``light`` in cd/m², with the range from the knee to PEAK compressed to end at
    WHITE.

    The names ``t`` and ``spline`` are those of BT.2390-11, 5.4.1, which defines it on PQ codes.
    """
    import numpy as np

    peak_code = float(_pq_code(np.array(PEAK)))
    white_code = float(_pq_code(np.array(WHITE)))
    largest = white_code / peak_code
    knee = 1.5 * largest - 0.5
    code = np.minimum(_pq_code(light) / peak_code, 1)
    t = (code - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * largest
    )
    compressed = np.where(code < knee, code, spline)
    return _pq_light(compressed * peak_code)


# The constants of the reference PQ EOTF and its inverse (BT.2100-2, table 4), by their names there.
_M1 = 2610 / 16_384
_M2 = 2523 / 32
_C1 = 3424 / 4096
_C2 = 2413 / 128
_C3 = 2392 / 128

# The constants of HLG's reference OETF (BT.2100-2, table 5).
_A = 0.17883277
_B = 0.28466892
_C = 0.55991073


def _pq_light(code: Array) -> Array:
    """The light, 0 to 10,000 cd/m², of a PQ code of 0..1."""
    import numpy as np

    power = code ** (1 / _M2)
    light: Array = 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return light


def _pq_code(light: Array) -> Array:
    """The PQ code of 0..1 of light in cd/m²."""
    power = (light / 10_000) ** _M1
    code: Array = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def _hlg_light(code: Array) -> Array:
    """The light of the scene, 0..1, of an HLG code of 0..1: the inverse of the OETF."""
    import numpy as np

    dark = code**2 / 3
    bright = (np.exp((code - _C) / _A) + _B) / 12
    return np.where(code <= 0.5, dark, bright)
