"""The chromaticities of the color spaces that are known by name, and whether others make sense."""

from __future__ import annotations

Chromaticities = tuple[float, ...]
"""White, red, green, blue, each as CIE 1931 x and y: eight numbers."""

SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
DISPLAY_P3: Chromaticities = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT_2020: Chromaticities = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
"""IEC 61966-2-1; Adobe RGB (1998) 4.3.1; SMPTE EG 432-1, D65; Rec. ITU-R BT.2020-2, table 3."""

EXPONENTS = 0.1, 10.0
"""The least and the greatest exponent of a curve that any device has; outside of it an image is black or white."""

_LEAST_WHITE = 5e-5
"""The least y of a white point, as in libpng (png_colorspace_check_xy)."""


def is_possible(chromaticities: Chromaticities) -> bool:
    """Are these colors of a device: real ones, and white a mixture of the three with a positive share of each?

    libpng asks for the same before it honors a cHRM chunk. Without it the matrix to XYZ does not exist, or turns
    colors into their opposites.
    """
    points = list(zip(chromaticities[::2], chromaticities[1::2], strict=True))
    if any(x < 0 or y < 0 or x + y > 1 for x, y in points) or points[0][1] < _LEAST_WHITE:
        return False
    white, red, green, blue = points
    whole = _area(red, green, blue)
    if abs(whole) < 1e-6:
        return False
    shares = _area(white, green, blue), _area(red, white, blue), _area(red, green, white)
    return all(share / whole > 0 for share in shares)


def _area(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Twice the area of a triangle, with the sign of its orientation."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
