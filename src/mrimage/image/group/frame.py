"""One image as a group correction sees it, and ways to change its colors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from mrimage.image.color.lab import RgbSpace, light_of_codes, rgb_space

Array = np.ndarray[Any, np.dtype[Any]]

ColorMap = Callable[[Array], Array]
"""Maps encoded colors (N x 3, float32, 0..1) to encoded colors."""

_NODES = 17
"""Nodes of a color table along each axis, as in many ICC profiles. A color is off by 0.2 of a unit of Lab
on average; with 33 nodes by 0.07, but the table takes seven times as long to fill."""

_STRIP = 64
"""Rows that are mapped at once, which bounds the memory of the floating-point copies."""

_SAMPLED = 1024
"""Pixels of a sample, about."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The pixels of one image in the colors of its result.

    ``colors`` is H x W x 3, or H x W for a gray image, of uint8 or uint16, encoded in ``space``:
    ``srgb``, ``display-p3`` or ``adobe-rgb``. A gray image has the curve of sRGB. ``alpha`` is H x W
    of the same type, or None if all pixels are opaque. ``pixels`` is the number of pixels of the
    result, which may be larger than this picture of it.
    """

    colors: Array
    space: str
    pixels: int
    alpha: Array | None = None

    @property
    def is_gray(self) -> bool:
        return self.colors.ndim == 2

    @property
    def light(self) -> Array:
        """Linear light, N x 3, float32. A gray pixel has the same value three times."""
        table = light_of_codes(self.space, full_white(self.colors))
        light = table[self.colors]
        if self.is_gray:
            light = np.repeat(light[..., None], 3, axis=2)
        return light.reshape(-1, 3)

    @property
    def rgb(self) -> RgbSpace:
        return rgb_space(self.space)

    @property
    def weights(self) -> Array:
        """The weight of each pixel: its opacity, 0..255, as int64."""
        if self.alpha is None:
            return np.full(self.colors.shape[0] * self.colors.shape[1], 255, dtype=np.int64)
        steps = full_white(self.alpha) // 255
        return (self.alpha.reshape(-1) // steps).astype(np.int64)

    @property
    def weight(self) -> int:
        """The weight of the image in its group: its pixels, as far as they are opaque."""
        weights = self.weights
        return self.pixels * int(weights.sum()) // (255 * len(weights))


def full_white(pixels: Array) -> int:
    """The largest value of a sample: 255 or 65535."""
    return int(np.iinfo(pixels.dtype).max)


def sample_of(colors: Array) -> Array:
    """About ``_SAMPLED`` pixels from all over the picture: N x 3 or N, of the same type."""
    height, width = colors.shape[:2]
    step = max(1, math.isqrt(height * width // _SAMPLED))
    return colors[::step, ::step].reshape(-1, *colors.shape[2:])


def codes_of(colors: Array) -> Array:
    """Colors (N x 3, or N of a gray picture) as encoded colors N x 3, float32, 0..1."""
    codes = colors.astype(np.float32) / np.float32(full_white(colors))
    if codes.ndim == 1:
        codes = np.repeat(codes[:, None], 3, axis=1)
    return codes


def mapped(colors: Array, color_map: ColorMap) -> Array:
    """The picture with its colors mapped; a gray one stays gray.

    8-bit colors are looked up in a table of ``_NODES`` nodes an axis, with linear interpolation. A
    sample that was neither black nor white does not become so: nothing is clipped anew.
    """
    if colors.ndim == 2:
        levels = np.arange(full_white(colors) + 1, dtype=colors.dtype)
        gray = color_map(codes_of(levels)).mean(axis=1)
        out = _rounded(gray, colors)[colors]
    elif colors.dtype == np.uint8:
        out = _by_color_table(colors, color_map)
    else:
        out = np.empty_like(colors)
        for row in range(0, colors.shape[0], _STRIP):
            strip = colors[row : row + _STRIP]
            codes = color_map(codes_of(strip.reshape(-1, 3)))
            out[row : row + _STRIP] = _rounded(codes, colors).reshape(strip.shape)
    return without_new_clipping(colors, out)


def without_new_clipping(before: Array, after: Array) -> Array:
    """``after``, but samples that were inside the range ``before`` are at least one step inside."""
    top = full_white(before)
    inside = np.clip(after, 1, top - 1)
    is_at_end = (before == 0) | (before == top)
    kept: Array = np.where(is_at_end, after, inside)
    return kept


def _rounded(codes: Array, like: Array) -> Array:
    top = full_white(like)
    rounded: Array = np.clip(np.rint(codes * top), 0, top).astype(like.dtype)
    return rounded


def _by_color_table(colors: Array, color_map: ColorMap) -> Array:
    steps = np.linspace(0, 1, _NODES, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    nodes = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    table = np.clip(color_map(nodes), 0, 1).astype(np.float32)
    lookup = ImageFilter.Color3DLUT(_NODES, table.reshape(-1))
    return np.asarray(Image.fromarray(np.ascontiguousarray(colors)).filter(lookup))
