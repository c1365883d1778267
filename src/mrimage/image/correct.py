"""Colour corrections: the formulas behind ``--correct``, on numpy arrays H x W x 3 or H x W of uint8 or uint16.

Each works on the encoded (gamma) values, as its source does, and leaves alpha alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_LUMA = (0.299, 0.587, 0.114)
"""Weights of Rec. ITU-R BT.601 for luma of gamma-encoded RGB."""


def gray_world(pixels: Array) -> Array:
    """Scale each channel so that its mean is the mean of all three: the average of a scene is taken for gray.

    G. Buchsbaum, A spatial processor model for object colour perception, J. Franklin Institute 310 (1980).
    """
    if pixels.ndim == 2:
        return pixels
    means = pixels.mean(axis=(0, 1), dtype=np.float64)
    gains = np.where(means > 0, means.mean() / np.maximum(means, 1e-9), 1.0)
    return _scaled(pixels, gains)


def white_patch(pixels: Array) -> Array:
    """Scale each channel so that its 99th percentile is full white: the brightest patch is taken for white.

    E. H. Land and J. J. McCann, Lightness and Retinex theory, JOSA 61 (1971); the percentile in place of the
    maximum, so that a few hot pixels do not decide, after M. Ebner, Color Constancy (2007), 6.1.
    """
    top = _top(pixels)
    planes = pixels.reshape(-1, pixels.shape[2] if pixels.ndim == 3 else 1)
    whites = np.array(
        [_percentile(planes[:, i], 0.99, top) for i in range(planes.shape[1])], dtype=np.float64
    )
    return _scaled(pixels, np.where(whites > 0, top / np.maximum(whites, 1), 1.0))


def auto_levels(pixels: Array) -> Array:
    """Stretch each channel linearly so that its 0.5th and 99.5th percentiles become black and white.

    N. Limare et al., Simplest Color Balance, Image Processing On Line 1 (2011), with s1 = s2 = 0.5 %.
    """
    top = _top(pixels)
    values = np.arange(top + 1, dtype=np.float64)

    def stretch(channel: Array) -> Array:
        low, high = (_percentile(channel, part, top) for part in (0.005, 0.995))
        return values if high <= low else (values - low) * (top / (high - low))

    return _by_tables(pixels, stretch)


def equalize(pixels: Array) -> Array:
    """Equalize the histogram of luma, and scale the channels of each pixel alike, so that its hue stays.

    Histogram equalization after R. C. Gonzalez and R. E. Woods, Digital Image Processing, 3.3.1; carried to colour
    by S. K. Naik and C. A. Murthy, Hue-preserving color image enhancement without gamut problem, IEEE Trans. Image
    Processing 12 (2003): a pixel that would leave the range is scaled in its complement towards white.
    """
    top = _top(pixels)
    luma = _luma(pixels)
    counts = np.bincount(luma.ravel(), minlength=top + 1)
    cumulated = np.cumsum(counts, dtype=np.float64)
    lowest = cumulated[np.flatnonzero(counts)[0]]
    if cumulated[-1] == lowest:
        return pixels
    table = np.clip((cumulated - lowest) / (cumulated[-1] - lowest), 0, 1) * top
    if pixels.ndim == 2:
        return _rounded(table, pixels.dtype)[pixels]
    out = np.empty_like(pixels)
    for row in range(
        0, pixels.shape[0], 256
    ):  # In strips: the floating-point copy of a large image is not needed.
        out[row : row + 256] = _hue_kept(pixels[row : row + 256], table, top)
    return out


def exposure(pixels: Array) -> Array:
    """Raise values to the power that brings the mean luma to the middle gray, 0.5 of full white.

    The exponent is log(0.5) / log(mean): adaptive gamma as in S. Rahman et al., An adaptive gamma correction for
    image enhancement, EURASIP J. Image and Video Processing 35 (2016), bounded to 1/3 .. 3.
    """
    top = _top(pixels)
    mean = float(_luma(pixels).mean()) / top
    if not 0 < mean < 1:
        return pixels
    power = min(3.0, max(1 / 3, np.log(0.5) / np.log(mean)))
    table = _rounded(top * (np.arange(top + 1) / top) ** power, pixels.dtype)
    return table[pixels]


CORRECTIONS: Mapping[str, Callable[[Array], Array]] = {
    "gray-world": gray_world,
    "white-patch": white_patch,
    "auto-levels": auto_levels,
    "equalize": equalize,
    "exposure": exposure,
}
"""What ``--correct`` takes."""


def _top(pixels: Array) -> int:
    return int(np.iinfo(pixels.dtype).max)


def _rounded(values: Array, kind: np.dtype[Any]) -> Array:
    return np.clip(np.rint(values), 0, np.iinfo(kind).max).astype(kind)


def _luma(pixels: Array) -> Array:
    if pixels.ndim == 2:
        return pixels
    return np.rint(pixels.astype(np.float32) @ np.array(_LUMA, dtype=np.float32)).astype(
        pixels.dtype
    )


def _percentile(channel: Array, part: float, top: int) -> int:
    """The smallest value that at least ``part`` of the pixels do not exceed."""
    cumulated = np.cumsum(np.bincount(channel.ravel(), minlength=top + 1))
    return int(np.searchsorted(cumulated, part * cumulated[-1]))


def _scaled(pixels: Array, gains: Array) -> Array:
    values = np.arange(_top(pixels) + 1, dtype=np.float64)
    gain = iter(gains)
    return _by_tables(pixels, lambda channel: values * next(gain))


def _by_tables(pixels: Array, table_of: Callable[[Array], Array]) -> Array:
    if pixels.ndim == 2:
        return _rounded(table_of(pixels), pixels.dtype)[pixels]
    channels = [pixels[..., i] for i in range(pixels.shape[2])]
    return np.stack(
        [_rounded(table_of(channel), pixels.dtype)[channel] for channel in channels], axis=2
    )


def _hue_kept(pixels: Array, table: Array, top: int) -> Array:
    values = pixels.astype(np.float64)
    luma = values @ np.array(_LUMA)
    wanted = table[_luma(pixels)]
    gain = np.where(luma > 0, wanted / np.maximum(luma, 1e-9), 0.0)
    scaled = np.where(luma[..., None] > 0, values * gain[..., None], wanted[..., None])
    room = (top - wanted) / np.maximum(top - luma, 1e-9)
    lightened = top - (top - values) * room[..., None]
    return _rounded(np.where((gain > 1)[..., None], lightened, scaled), pixels.dtype)
