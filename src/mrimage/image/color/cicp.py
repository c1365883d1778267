"""Color spaces by the code points of Rec. ITU-T H.273, as PNG's cICP chunk, AVIF, HEIC and JPEG XL give them: what they
are called, and a profile by which LittleCMS reads them.

High dynamic range (PQ and HLG of Rec. ITU-R BT.2100-2) is brought to the range of a screen by the curve of that
profile, for each channel on its own: the light of a display of 1,000 cd/m² is bent to a peak of 203 cd/m², which is the
reference white of Rep. ITU-R BT.2408-7, by the EETF of Rep. ITU-R BT.2390-11, 5.4.1. Light below 91 cd/m² stays as it
is; the reference white becomes 78 % of white, 228 of 255 in sRGB.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mrimage.image.color.profiles import BT_2020, DISPLAY_P3, SRGB, curve_profile, matrix_profile

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_PQ, _HLG = 16, 18
_PRIMARIES = {1: SRGB, 2: SRGB, 9: BT_2020, 12: DISPLAY_P3}
_EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0}
"""Transfer functions that are a power; all others but PQ and HLG are near enough to sRGB's curve."""

_NAMES = {(1, 13): "srgb", (12, 13): "display-p3", (9, _PQ): "rec2100-pq", (9, _HLG): "rec2100-hlg"}
_AS_SRGB = frozenset([(1, 1), (1, 2), (2, 2), (2, 13), (1, 6)])
"""BT.709 and what is not specified, which every viewer shows as sRGB."""

PEAK, WHITE = 1000.0, 203.0
"""cd/m²: the display that is assumed for what is bright, and the light that becomes white."""

_STEPS = 4096


def space_of(primaries: int, transfer: int) -> str:
    """The name of a color space in the catalogue."""
    return (
        "srgb"
        if (primaries, transfer) in _AS_SRGB
        else _NAMES.get((primaries, transfer), "rgb-other")
    )


@lru_cache(maxsize=32)
def profile_of(primaries: int, transfer: int) -> bytes | None:
    """A profile of the color space; None when it is sRGB, or of primaries that are not known here."""
    chromaticities = _PRIMARIES.get(primaries)
    if chromaticities is None or space_of(primaries, transfer) == "srgb":
        return None
    name = f"H.273 {primaries}/{transfer}"
    if transfer not in (_PQ, _HLG):
        return matrix_profile(name, chromaticities, _EXPONENTS.get(transfer, 2.2))
    import numpy as np

    codes = np.linspace(0, 1, _STEPS)
    light = _pq_light(codes) if transfer == _PQ else PEAK * _hlg_light(codes) ** 1.2
    return curve_profile(
        name, chromaticities, _bent(light) / WHITE, bytes((primaries, transfer, 0, 1))
    )


def _bent(light: Array) -> Array:
    """The EETF: ``light`` in cd/m² with everything from the knee to PEAK bent to end at WHITE."""
    import numpy as np

    top = float(_pq_code(np.array(PEAK)))
    most = float(_pq_code(np.array(WHITE))) / top
    knee = 1.5 * most - 0.5
    code = np.minimum(_pq_code(light) / top, 1)
    t = (code - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * most
    )
    return _pq_light(np.where(code < knee, code, spline) * top)


# BT.2100-2, table 4: the reference PQ EOTF and its inverse; table 5: the inverse of HLG's reference OETF.
_M1, _M2, _C1, _C2, _C3 = 2610 / 16_384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


def _pq_light(code: Array) -> Array:
    """cd/m², 0 to 10,000, of a code of 0..1."""
    import numpy as np

    power = code ** (1 / _M2)
    light: Array = 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return light


def _pq_code(light: Array) -> Array:
    power = (light / 10_000) ** _M1
    code: Array = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def _hlg_light(code: Array) -> Array:
    """Light of the scene, 0..1, of a code of 0..1."""
    import numpy as np

    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - _C) / _A) + _B) / 12)
