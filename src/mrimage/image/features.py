"""Features of the pixels: the columns of the extractors ``content`` and ``hash``.

One small decode serves all of them. It is upright, composited on white, in sRGB, and at the lowest
scale at which the longer side still has 128 pixels. Sharpness and the perceptual hash depend on
scale, so they are measured after area averaging to a fixed size.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

ANALYSIS_SIDE = 128
"""Least length in pixels of the longer side of the analyzed picture, if the image has as many."""

ENOUGH = 12_000
"""Pixels that are enough for statistics of color. In a larger picture, every second (third, ...)
row and column counts."""


def luma_of(planes: Array) -> Array:
    """Return luma of Rec. ITU-R BT.601 as uint8 H x W; ``planes`` is uint8 3 x H x W."""
    import numpy as np

    # The weights are in 256ths. Whole numbers, here and below, give the same result on every
    # processor; floating-point sums do not.
    red, green, blue = planes.astype(np.uint16)
    luma: Array = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)
    return luma


def content(planes: Array, luma: Array, small: Array) -> dict[str, object]:
    """Return the seven content columns.

    ``planes`` is uint8 3 x H x W, ``luma`` uint8 H x W, and ``small`` float32 luma at analysis
    size.

    - ``brightness``: mean luma over 255, 0..1.
    - ``contrast``: root-mean-square contrast, the standard deviation of luma over 255, 0..0.5
      (E. Peli, Contrast in complex images, JOSA A 7, 1990).
    - ``sharpness``: see ``sharpness``.
    - ``entropy``: Shannon's entropy of the 256-bin luma histogram, 0..8 bits.
    - ``colorfulness``: M3 of D. Hasler and S. Süsstrunk, Measuring colourfulness in natural images,
      SPIE 5007 (2003), 0 and up; above 80 is highly colorful.
    - ``mean_color``: the mean of each channel, ``#rrggbb``.
    - ``dominant_colors``: see ``dominant``.
    """
    import numpy as np

    step = max(1, round(math.sqrt(luma.size / ENOUGH)))
    flat = np.ascontiguousarray(planes[:, ::step, ::step]).reshape(3, -1)
    mean, deviation, entropy = _luma_statistics(luma[::step, ::step])
    return {
        "brightness": _rounded(mean / 255),
        "contrast": _rounded(deviation / 255),
        "sharpness": _rounded(sharpness(small)),
        "entropy": _rounded(entropy),
        "colorfulness": _rounded(_colorfulness(flat)),
        "mean_color": _hex(flat.sum(axis=1) / flat.shape[1]),
        "dominant_colors": dominant(flat),
    }


def _luma_statistics(luma: Array) -> tuple[float, float, float]:
    """Mean, standard deviation, and entropy in bits, from the histogram of 256 bins."""
    import numpy as np

    counts = np.bincount(luma.ravel(), minlength=256)
    shares = counts / luma.size
    levels = np.arange(256)
    mean = float((shares * levels).sum())
    variance = float((shares * (levels - mean) ** 2).sum())
    present = shares[counts > 0]
    entropy = abs(float((present * np.log2(present)).sum()))
    return mean, math.sqrt(variance), entropy


def at_analysis_size(luma: Array) -> Array:
    """Luma as float32, averaged so that its longer side has at most ANALYSIS_SIDE pixels."""
    height, width = luma.shape
    longer = max(height, width)
    if longer <= ANALYSIS_SIDE:
        return luma.astype("float32")
    new_height = max(1, round(height * ANALYSIS_SIDE / longer))
    new_width = max(1, round(width * ANALYSIS_SIDE / longer))
    return averaged(luma, new_height, new_width)


def sharpness(luma: Array) -> float:
    """Return the variance of the 4-neighbor Laplacian of luma, 0 and up; ``luma`` is H x W.

    J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000. The longer
    side has been averaged to 128 pixels. At this size the number separates blurred pictures from
    sharp ones as a viewer of a small picture would. It does not show blur that only the full size
    shows.
    """
    if min(luma.shape) < 3:
        return 0.0
    center = luma[1:-1, 1:-1]
    above = luma[:-2, 1:-1]
    below = luma[2:, 1:-1]
    left = luma[1:-1, :-2]
    right = luma[1:-1, 2:]
    laplacian: Array = above + below + left + right - 4 * center
    return float(laplacian.var(dtype="float64"))


def _colorfulness(planes: Array) -> float:
    """See ``content``; ``planes`` is uint8 3 x N."""
    import numpy as np

    red, green, blue = planes.astype(np.int16)
    red_green = red - green
    # The yellow-blue opponent is (red + green) / 2 - blue; twice that is a whole number.
    twice_yellow_blue = red + green - 2 * blue
    means = 0.0
    variances = 0.0
    for opponent, unit in ((red_green, 1), (twice_yellow_blue, 2)):
        mean = int(opponent.sum(dtype=np.int64)) / opponent.size
        squares = int((opponent.astype(np.int32) ** 2).sum(dtype=np.int64)) / opponent.size
        means += (mean / unit) ** 2
        variances += max(0.0, squares - mean * mean) / unit**2
    return math.sqrt(variances) + 0.3 * math.sqrt(means)


def dominant(planes: Array, most: int = 5) -> list[str]:
    """Return up to ``most`` colors as ``#rrggbb``, most frequent first; ``planes`` is uint8 3 x N.

    Pixels are counted in 512 cells of 3 bits a channel. A cell's color is the mean of its pixels,
    and cells with less than 1 % of the pixels are left out (popularity algorithm: P. Heckbert,
    Color image quantization for frame buffer display, SIGGRAPH 1982). Cells with equal counts are
    ordered from dark to bright.
    """
    import numpy as np

    high = (planes >> 5).astype(np.uint16)
    cells = (high[0] << 6) | (high[1] << 3) | high[2]
    counts = np.bincount(cells, minlength=512)
    order = np.argsort(-counts, kind="stable")[:most]
    least = max(1, 0.01 * cells.size)
    chosen = [cell for cell in order if counts[cell] >= least]
    sums = np.stack([np.bincount(cells, weights=plane, minlength=512) for plane in planes])
    return [_hex(sums[:, cell] / counts[cell]) for cell in chosen]


def perceptual_hash(luma: Array) -> str:
    """Return the perceptual hash ``pHash`` of ``luma`` (H x W): 64 bits as 16 hex digits.

    C. Zauner, Implementation and benchmarking of perceptual image hash functions (2010), 3.2.1:
    the picture is averaged to 32x32, and transformed by a DCT-II. Each bit says whether a
    coefficient of the 8x8 lowest frequencies is over their median, which leaves out the constant
    one. Pictures that look alike differ in few bits; up to 10 is commonly taken for the same
    picture.
    """
    import numpy as np

    basis = _cosines(32, 8)
    frequencies = (basis @ averaged(luma, 32, 32) @ basis.T).ravel()
    # In a flat picture, rounding errors alone would decide the bits.
    frequencies = np.round(frequencies, 2)
    bits = frequencies > np.median(frequencies[1:])
    return np.packbits(bits).tobytes().hex()


def averaged(luma: Array, height: int, width: int) -> Array:
    """Resample ``luma`` (H x W) to float32 ``height`` x ``width`` by area averaging.

    Each old pixel counts by the area that it shares with the new one.
    """
    import numpy as np

    # Multiplying and adding one row after another: the sums of a matrix library depend on its
    # number of threads.
    rows = np.ascontiguousarray(_averaged_rows(luma, height).T)
    return np.ascontiguousarray(_averaged_rows(rows, width).T)


def _averaged_rows(values: Array, count: int) -> Array:
    shares = _shares(values.shape[0], count)
    first_rows, first_weights = shares[0]
    total: Array = values[first_rows] * first_weights
    for rows, weights in shares[1:]:
        total += values[rows] * weights
    return total


@lru_cache(maxsize=64)
def _shares(size: int, count: int) -> list[tuple[Array, Array]]:
    """Return which of ``size`` rows count for each of ``count`` new rows, and their weights.

    The list has one pair of arrays for the first row that counts for each new row, one for the
    second, and so on: row numbers, shape (count,), and weights, float32 of shape (count, 1).
    """
    import numpy as np

    edges = np.arange(count + 1) * (size / count)
    first = edges[:-1].astype(int)
    shares = []
    for step in range(math.ceil(size / count) + 1):
        row = first + step
        overlap = np.minimum(edges[1:], row + 1) - np.maximum(edges[:-1], row)
        weights = np.clip(overlap, 0, None) * (count / size)
        shares.append((np.minimum(row, size - 1), weights.astype(np.float32)[:, None]))
    return shares


@lru_cache(maxsize=1)
def _cosines(size: int, count: int) -> Array:
    """The ``count`` lowest basis vectors of the DCT-II of ``size`` values, count x size."""
    import numpy as np

    positions = 2 * np.arange(size) + 1
    frequencies = np.arange(count)[:, None]
    angles = np.pi * positions * frequencies / (2 * size)
    cosines: Array = np.cos(angles)
    return cosines


def _hex(color: Array) -> str:
    rounded = [int(value + 0.5) for value in color]
    return "#" + "".join(f"{value:02x}" for value in rounded)


def _rounded(value: float) -> float:
    """Keep six decimals. Digits after them are rounding errors."""
    return round(float(value), 6)
