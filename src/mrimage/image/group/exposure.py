"""``--correct exposure-group`` and ``deflicker``: one gain in linear light for all channels.

The exposure of an image is the logarithm of its log-average luminance (E. Reinhard et al.,
Photographic tone reproduction for digital images, ACM Trans. Graphics 21 (2002), equation 1): twice
as much light is one stop more, whatever the scene. One gain for all channels keeps the hue and the
saturation of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrimage.image.color.lab import light_of_codes, rgb_space
from mrimage.image.group.frame import Frame, full_white, without_new_clipping
from mrimage.image.group.range import shoulder

Array = np.ndarray[Any, np.dtype[Any]]

STEPS = 256
"""Exposures are whole numbers of 1/256 stop, a gain of 0.3 %, of which nothing can be seen."""

MOST_STOPS = 4
"""The exposure changes by this many stops at most."""

_DARKEST = 2.0**-12
"""Luminance that counts as black, so that black pixels have a logarithm."""

_KNEE = 0.5
"""Linear light of the result from which the highlights of a brightened image are compressed."""

_STRIP = 64


def exposure_of(frame: Frame) -> list[list[int]]:
    """The histogram of exposures of a group of one: ``[[exposure, 1]]``; empty if all is transparent.

    An exposure is in 1/256 stop; 0 is that of full white.
    """
    weights = frame.weights
    total = int(weights.sum())
    if total == 0:
        return []
    luminance = np.maximum(frame.light @ frame.rgb.luminance, _DARKEST)
    stops = np.rint(np.log2(luminance) * STEPS).astype(np.int64)
    return [[round_half_up(int((stops * weights).sum()), total), 1]]


def merge_exposures(one: Sequence[list[int]], other: Sequence[list[int]]) -> list[list[int]]:
    """Add two histograms of exposures, sorted by exposure."""
    counts = {exposure: count for exposure, count in one}  # noqa: C416 - mypy rejects dict(one)
    for exposure, count in other:
        counts[exposure] = counts.get(exposure, 0) + count
    return [[exposure, counts[exposure]] for exposure in sorted(counts)]


def median_exposure(histogram: Sequence[list[int]]) -> int | None:
    """The exposure that half of the images do not exceed; None if there are none."""
    total = sum(count for _, count in histogram)
    seen = 0
    for exposure, count in histogram:
        seen += count
        if 2 * seen >= total:
            return exposure
    return None


def match_exposure(
    colors: Array, space: str, own: Sequence[list[int]], group: Sequence[list[int]]
) -> Array:
    """Bring the exposure of the picture, ``own``, to the median of the ``group``.

    Where that brightens, highlights are compressed by a shoulder that ends at full white, so that
    none are clipped that were not before.
    """
    had = median_exposure(own)
    wanted = median_exposure(group)
    if had is None or wanted is None or had == wanted:
        return colors
    stops = max(-MOST_STOPS, min(MOST_STOPS, (wanted - had) / STEPS))
    return brightened(colors, space, 2.0**stops)


def brightened(colors: Array, space: str, gain: float) -> Array:
    """Multiply linear light by ``gain``, with a shoulder if it is above 1.

    The shoulder bends the largest channel of a pixel, and the others follow in proportion.
    """
    light = light_of_codes(space, full_white(colors))
    factors = _factors(light, gain)
    if colors.dtype == np.uint8:
        out = _by_codes(colors, space, light, factors)
    else:
        out = np.empty_like(colors)
        for row in range(0, colors.shape[0], _STRIP):
            strip = colors[row : row + _STRIP]
            changed = light[strip] * _for_channels(factors[_largest(strip)], strip)
            out[row : row + _STRIP] = _rounded(changed, space, colors)
    return without_new_clipping(colors, out)


def _by_codes(colors: Array, space: str, light: Array, factors: Array) -> Array:
    """The 8-bit picture, looked up by the largest channel of a pixel and the channel itself."""
    table = _rounded(factors[:, None] * light[None, :], space, colors)
    largest = _for_channels(_largest(colors), colors)
    found: Array = table[largest, colors]
    return found


def _largest(colors: Array) -> Array:
    return colors if colors.ndim == 2 else colors.max(axis=2)


def _for_channels(values: Array, colors: Array) -> Array:
    """One value a pixel, in a shape that goes with the channels of ``colors``."""
    return values if colors.ndim == 2 else values[..., None]


def _rounded(light: Array, space: str, like: Array) -> Array:
    top = full_white(like)
    codes = rgb_space(space).encoded(light)
    rounded: Array = np.clip(np.rint(codes * top), 0, top).astype(like.dtype)
    return rounded


def _factors(light: Array, gain: float) -> Array:
    """By how much a pixel is multiplied whose largest channel has each code; ``light`` is that of
    the codes."""
    if gain <= 1:
        return np.full(len(light), gain, dtype=np.float32)
    bent = shoulder(light * np.float32(gain), _KNEE, gain)
    factors: Array = np.divide(bent, light, out=np.full_like(light, gain), where=light > 0)
    return factors


def round_half_up(numerator: int, denominator: int) -> int:
    """The quotient of whole numbers, rounded; ``denominator`` is positive."""
    return (2 * numerator + denominator) // (2 * denominator)
