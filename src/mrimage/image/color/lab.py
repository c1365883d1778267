"""CIELAB of RGB pixels, in numpy.

Lab is that of the ICC profile connection space: the white is D50, and colors whose white is D65, as
in all spaces here, are adapted to it by the linear Bradford transform (ICC.1:2022, 6.3.4.3 and annex
E). L* is 0..100; a* and b* are 0 for gray.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mrimage.image.color.curves import ADOBE_EXPONENT
from mrimage.image.color.primaries import ADOBE_RGB, DISPLAY_P3, SRGB
from mrimage.image.color.profiles import adapted_colorants

Array = np.ndarray[Any, np.dtype[Any]]

_EPSILON = np.float32(216 / 24389)
_KAPPA = np.float32(24389 / 27)
"""The bound and the slope of the linear part of L* (CIE 15:2004, 8.2.1, as exact fractions)."""


@dataclass(frozen=True)
class RgbSpace:
    """An RGB color space.

    ``to_white`` (3 x 3) turns linear RGB into X, Y, Z, each over that of white. ``exponent`` is that
    of its curve, None for the curve of sRGB.
    """

    to_white: Array
    from_white: Array
    exponent: float | None

    @property
    def luminance(self) -> Array:
        """The weights of linear red, green and blue in Y; they add up to 1."""
        weights: Array = self.to_white[1]
        return weights

    def light(self, codes: Array) -> Array:
        """Linear light of encoded values; both 0..1, float32."""
        if self.exponent is not None:
            return np.power(codes, np.float32(self.exponent))
        curved = np.power((codes + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
        return np.where(codes <= 0.04045, codes / np.float32(12.92), curved)

    def encoded(self, light: Array) -> Array:
        """The inverse of ``light``. Values outside 0..1, which no picture can hold, stay outside."""
        positive = np.maximum(light, 0)
        if self.exponent is not None:
            powered = np.power(positive, np.float32(1 / self.exponent))
            return np.where(light < 0, light, powered)
        curved = np.float32(1.055) * np.power(positive, np.float32(1 / 2.4)) - np.float32(0.055)
        return np.where(light <= 0.0031308, np.float32(12.92) * light, curved)

    def lab(self, codes: Array) -> Array:
        """L*, a*, b* (N x 3, float32) of encoded colors (N x 3, 0..1)."""
        return self.lab_of_light(self.light(codes))

    def lab_of_light(self, light: Array) -> Array:
        """L*, a*, b* (N x 3, float32) of linear RGB (N x 3)."""
        white_relative = light @ self.to_white.T
        roots = _root(white_relative)
        out = np.empty_like(roots)
        out[:, 0] = 116 * roots[:, 1] - 16
        out[:, 1] = 500 * (roots[:, 0] - roots[:, 1])
        out[:, 2] = 200 * (roots[:, 1] - roots[:, 2])
        return out

    def codes(self, lab: Array) -> Array:
        """The inverse of ``lab``. Colors that the space lacks have values outside 0..1."""
        roots = np.empty_like(lab)
        roots[:, 1] = (lab[:, 0] + 16) / 116
        roots[:, 0] = roots[:, 1] + lab[:, 1] / 500
        roots[:, 2] = roots[:, 1] - lab[:, 2] / 200
        cubes = roots * roots * roots
        white_relative = np.where(cubes > _EPSILON, cubes, (116 * roots - 16) / _KAPPA)
        return self.encoded(white_relative @ self.from_white.T)


def _root(values: Array) -> Array:
    """The cube root, continued by a line below ``_EPSILON`` (CIE 15:2004, 8.2.1)."""
    # numpy's power is twice as fast as its cbrt, but knows no negative values.
    roots = np.power(np.maximum(values, _EPSILON), np.float32(1 / 3))
    return np.where(values > _EPSILON, roots, (_KAPPA * values + 16) / 116)


@cache
def rgb_space(name: str) -> RgbSpace:
    """The space of this name: ``srgb``, ``display-p3`` or ``adobe-rgb``."""
    primaries, exponent = {
        "srgb": (SRGB, None),
        "display-p3": (DISPLAY_P3, None),
        "adobe-rgb": (ADOBE_RGB, ADOBE_EXPONENT),
    }[name]
    colorants = adapted_colorants(primaries)
    to_white = colorants / colorants.sum(axis=1, keepdims=True)
    from_white = np.linalg.inv(to_white)
    return RgbSpace(to_white.astype(np.float32), from_white.astype(np.float32), exponent)


@cache
def light_of_codes(name: str, top: int) -> Array:
    """Linear light of every integer code 0..``top`` of the space called ``name``."""
    codes = np.arange(top + 1, dtype=np.float32) / np.float32(top)
    return rgb_space(name).light(codes)
