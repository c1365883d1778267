"""Sharpening after a resize: libvips' unsharp mask of lightness."""

from __future__ import annotations

from mrimage.image.color.conversion import colors_of
from mrimage.image.decode.arrays import Picture

RADIUS = 0.5
"""Standard deviation of the mask's blur, in pixels of the result. Lanczos blurs no wider."""

SLOPE = 3.0
"""How much of the difference from the blurred picture is added at strength 1: libvips' own."""

THRESHOLD = 2.0
"""Differences of CIE L* up to this are left alone, so that noise and skin stay smooth."""

BRIGHTER = 10.0
DARKER = 20.0
"""The most that a pixel may change, in CIE L*: halos stay small at any strength."""

REACH = 5
"""Side in pixels of the square that a pixel of the mask looks at. libvips drops weights of the blur
below a tenth of the largest, so the true one is 3."""


def sharpened(image: Picture, strength: float) -> Picture:
    """Sharpen the lightness of ``image``, RGB or gray, by a ``strength`` from 0 to 10.

    Alpha stays as it is, and so do the colors beside transparent pixels, whose own colors must not
    show.
    """
    if not image.hasalpha():
        return _masked(image, strength)
    count = colors_of(image)
    # Colors and alpha are read one after the other, but a stream can be read only once.
    image = image.copy_memory()
    colors = image.extract_band(0, n=count)
    alpha = image[count]
    least = alpha.rank(REACH, REACH, 0)
    white = 65_535 if image.format == "ushort" else 255
    mixed = (least == white).ifthenelse(_masked(colors, strength), colors)
    joined = mixed.cast(image.format).bandjoin(alpha)
    return joined.copy(interpretation=image.interpretation)


def _masked(colors: Picture, strength: float) -> Picture:
    result = colors.sharpen(
        sigma=RADIUS, x1=THRESHOLD, y2=BRIGHTER, y3=DARKER, m1=0.0, m2=SLOPE * strength
    )
    return result.cast(colors.format)
