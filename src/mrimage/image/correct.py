"""Color corrections: the formulas behind ``--correct``.

Each takes and returns a numpy array H x W x 3 or H x W of uint8 or uint16. It works on the encoded
(gamma) values, as its source does. Alpha is not part of the array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_LUMA = (0.299, 0.587, 0.114)
"""Weights of Rec. ITU-R BT.601 for luma of gamma-encoded RGB."""

_STRIP = 256
"""Rows that are equalized at once."""


def gray_world(pixels: Array) -> Array:
    """Scale each channel to the mean of all three: the average of a scene is assumed gray.

    G. Buchsbaum, A spatial processor model for object colour perception, J. Franklin Institute 310
    (1980).
    """
    if pixels.ndim == 2:
        return pixels
    means = pixels.mean(axis=(0, 1), dtype=np.float64)
    gains = np.where(means > 0, means.mean() / np.maximum(means, 1e-9), 1.0)
    return _scaled(pixels, gains)


def white_patch(pixels: Array) -> Array:
    """Scale each channel so that its 99th percentile is white: the brightest patch is white.

    E. H. Land and J. J. McCann, Lightness and Retinex theory, JOSA 61 (1971). The percentile
    replaces the maximum, so that a few hot pixels do not decide: M. Ebner, Color Constancy (2007),
    6.1.
    """
    top = _top(pixels)
    percentiles = [_percentile(channel, 0.99, top) for channel in _channels(pixels)]
    whites = np.array(percentiles, dtype=np.float64)
    gains = np.where(whites > 0, top / np.maximum(whites, 1), 1.0)
    return _scaled(pixels, gains)


def auto_levels(pixels: Array) -> Array:
    """Stretch each channel linearly: its 0.5th and 99.5th percentiles become black and white.

    N. Limare et al., Simplest Color Balance, Image Processing On Line 1 (2011), with s1 = s2 =
    0.5 %.
    """
    top = _top(pixels)
    values = np.arange(top + 1, dtype=np.float64)

    def stretch(channel: Array) -> Array:
        low = _percentile(channel, 0.005, top)
        high = _percentile(channel, 0.995, top)
        if high <= low:
            return values
        return (values - low) * (top / (high - low))

    return _by_tables(pixels, [stretch(channel) for channel in _channels(pixels)])


def equalize(pixels: Array) -> Array:
    """Equalize the histogram of luma, and scale the channels of a pixel alike to keep its hue.

    Histogram equalization follows R. C. Gonzalez and R. E. Woods, Digital Image Processing, 3.3.1.
    Its extension to color follows S. K. Naik and C. A. Murthy, Hue-preserving color image
    enhancement without gamut problem, IEEE Trans. Image Processing 12 (2003): a pixel that would
    leave the range is scaled in its complement towards white.
    """
    top = _top(pixels)
    luma = _luma(pixels)
    counts = np.bincount(luma.ravel(), minlength=top + 1)
    cumulated = np.cumsum(counts, dtype=np.float64)
    darkest = np.flatnonzero(counts)[0]
    lowest = cumulated[darkest]
    total = cumulated[-1]
    if total == lowest:
        return pixels
    table = np.clip((cumulated - lowest) / (total - lowest), 0, 1) * top
    if pixels.ndim == 2:
        return _rounded(table, pixels.dtype)[pixels]
    out = np.empty_like(pixels)
    # Strips bound the memory of the floating-point copies.
    for row in range(0, pixels.shape[0], _STRIP):
        strip = slice(row, row + _STRIP)
        out[strip] = _hue_kept(pixels[strip], table, top)
    return out


def exposure(pixels: Array) -> Array:
    """Raise values to the power that brings the mean luma to middle gray, 0.5 of full white.

    The exponent is log(0.5) / log(mean), bounded to 1/3 .. 3. This is the adaptive gamma of
    S. Rahman et al., An adaptive gamma correction for image enhancement, EURASIP J. Image and Video
    Processing 35 (2016).
    """
    top = _top(pixels)
    mean = float(_luma(pixels).mean()) / top
    if not 0 < mean < 1:
        return pixels
    power = min(3.0, max(1 / 3, np.log(0.5) / np.log(mean)))
    fractions = np.arange(top + 1) / top
    table = _rounded(top * fractions**power, pixels.dtype)
    return table[pixels]


CORRECTIONS: Mapping[str, Callable[[Array], Array]] = {
    "gray-world": gray_world,
    "white-patch": white_patch,
    "auto-levels": auto_levels,
    "equalize": equalize,
    "exposure": exposure,
}
"""The corrections by their names in ``--correct``."""


def _top(pixels: Array) -> int:
    """Full white: 255 or 65535."""
    return int(np.iinfo(pixels.dtype).max)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    most = np.iinfo(dtype).max
    return np.clip(np.rint(values), 0, most).astype(dtype)


def _luma(pixels: Array) -> Array:
    if pixels.ndim == 2:
        return pixels
    weights = np.array(_LUMA, dtype=np.float32)
    luma: Array = pixels.astype(np.float32) @ weights
    rounded: Array = np.rint(luma).astype(pixels.dtype)
    return rounded


def _channels(pixels: Array) -> list[Array]:
    if pixels.ndim == 2:
        return [pixels]
    return [pixels[..., i] for i in range(pixels.shape[2])]


def _percentile(channel: Array, part: float, top: int) -> int:
    """The smallest value that at least a share ``part`` (0..1) of the pixels do not exceed."""
    counts = np.bincount(channel.ravel(), minlength=top + 1)
    cumulated = np.cumsum(counts)
    return int(np.searchsorted(cumulated, part * cumulated[-1]))


def _scaled(pixels: Array, gains: Array) -> Array:
    """Multiply each channel by its gain."""
    values = np.arange(_top(pixels) + 1, dtype=np.float64)
    return _by_tables(pixels, [values * gain for gain in gains])


def _by_tables(pixels: Array, tables: Sequence[Array]) -> Array:
    """Map the values of each channel through its table."""
    mapped = [
        _rounded(table, pixels.dtype)[channel]
        for channel, table in zip(_channels(pixels), tables, strict=True)
    ]
    return mapped[0] if pixels.ndim == 2 else np.stack(mapped, axis=2)


def _hue_kept(pixels: Array, table: Array, top: int) -> Array:
    """Bring luma to ``table[luma]`` by one factor a pixel."""
    values = pixels.astype(np.float64)
    luma = values @ np.array(_LUMA)
    wanted = table[_luma(pixels)]
    gain = np.where(luma > 0, wanted / np.maximum(luma, 1e-9), 0.0)
    is_black = luma[..., None] <= 0
    scaled = np.where(is_black, wanted[..., None], values * gain[..., None])
    # Brighter pixels are scaled in their complement, which cannot leave the range.
    complement_gain = (top - wanted) / np.maximum(top - luma, 1e-9)
    lightened = top - (top - values) * complement_gain[..., None]
    is_brighter = (gain > 1)[..., None]
    return _rounded(np.where(is_brighter, lightened, scaled), pixels.dtype)
