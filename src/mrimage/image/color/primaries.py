"""Chromaticities of well-known color spaces, and a check of those in a file."""

from __future__ import annotations

Chromaticities = tuple[float, ...]
"""White, red, green and blue, each as CIE 1931 x and y: eight numbers."""

SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""IEC 61966-2-1."""

ADOBE_RGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
"""Adobe RGB (1998), 4.3.1."""

DISPLAY_P3: Chromaticities = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
"""SMPTE EG 432-1, with the white D65."""

BT_2020: Chromaticities = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
"""Rec. ITU-R BT.2020-2, table 3."""

EXPONENTS = 0.1, 10.0
"""The smallest and the largest exponent that the curve of a device has.

With others an image is all black or all white.
"""

_LEAST_WHITE_Y = 5e-5
"""The smallest y of a white point, as in libpng (png_colorspace_check_xy)."""

_LEAST_AREA = 1e-6
"""Twice the smallest area of the triangle of the primaries; smaller ones are rounding errors."""

Point = tuple[float, float]
"""x and y."""


def is_possible(chromaticities: Chromaticities) -> bool:
    """Return whether a device can have these primaries.

    They must be real colors, and white must be a mixture of all three with positive shares. libpng
    requires the same before it honors a cHRM chunk. Otherwise the matrix to XYZ does not exist, or
    turns colors into their opposites.
    """
    xs = chromaticities[::2]
    ys = chromaticities[1::2]
    points = list(zip(xs, ys, strict=True))
    if any(x < 0 or y < 0 or x + y > 1 for x, y in points):
        return False
    white, red, green, blue = points
    if white[1] < _LEAST_WHITE_Y:
        return False
    whole = _area(red, green, blue)
    if abs(whole) < _LEAST_AREA:
        return False
    # The barycentric coordinates of white in the triangle of the primaries.
    share_of_red = _area(white, green, blue) / whole
    share_of_green = _area(red, white, blue) / whole
    share_of_blue = _area(red, green, white) / whole
    return share_of_red > 0 and share_of_green > 0 and share_of_blue > 0


def _area(a: Point, b: Point, c: Point) -> float:
    """Twice the area of a triangle, with the sign of its orientation."""
    ab_x = b[0] - a[0]
    ab_y = b[1] - a[1]
    ac_x = c[0] - a[0]
    ac_y = c[1] - a[1]
    return ab_x * ac_y - ac_x * ab_y
