"""What the pixels say: the columns of the extractors ``content`` and ``hash``, all from one small decode.

Every feature is measured on the same picture: upright, composited on white, in sRGB, decoded at the lowest scale at
which the longer side still has 128 pixels. What depends on scale, sharpness and the perceptual hash, is brought to
one fixed size by area averaging first, so that it does not depend on the scale at which the decoder happened to stop.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

ANALYSIS_SIDE = 128
"""Pixels that the longer side of the picture has at least, where the image has them."""

ENOUGH = 12_000
"""Pixels that are enough for statistics of colour; of a larger picture only every second (third ...) row and column
counts."""


@dataclass(frozen=True, slots=True)
class Extractor:
    """A named set of columns. ``columns`` maps each to its Python type; ``pixels`` and ``bytes`` say what it reads."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    pixels: bool = False
    bytes: bool = False


EXTRACTORS: Mapping[str, Extractor] = {
    "header": Extractor(),
    "content": Extractor(
        {
            "brightness": float,
            "contrast": float,
            "sharpness": float,
            "entropy": float,
            "colorfulness": float,
            "mean_color": str,
            "dominant_colors": list[str],
        },
        pixels=True,
    ),
    "hash": Extractor({"phash": str, "sha256": str}, pixels=True, bytes=True),
}
"""What ``--extract`` takes. ``header`` adds no column to those that every catalogue has."""


def measure(names: Sequence[str], pixels: Array, data: bytes) -> dict[str, object]:
    """The columns of the extractors ``names``. ``pixels`` is uint8 H x W x 3; ``data`` the whole file."""
    import numpy as np

    columns: dict[str, object] = {}
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    luma = luma_of(planes)
    small = _at_analysis_size(luma)
    if "content" in names:
        columns |= content(planes, luma, small)
    if "hash" in names:
        columns |= {"phash": perceptual_hash(small), "sha256": hashlib.sha256(data).hexdigest()}
    return columns


def luma_of(planes: Array) -> Array:
    """Luma of Rec. ITU-R BT.601 as uint8 H x W, with its weights in 256ths; ``planes`` is uint8 3 x H x W.

    Whole numbers, here and below, because floating-point sums differ from one processor to the next.
    """
    import numpy as np

    red, green, blue = planes.astype(np.uint16)
    luma: Array = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)
    return luma


def content(planes: Array, luma: Array, small: Array) -> dict[str, object]:
    """The seven content columns. ``planes`` is uint8 3 x H x W, ``luma`` uint8 H x W, ``small`` luma at analysis size.

    - ``brightness``: mean luma over 255, 0..1.
    - ``contrast``: root-mean-square contrast, the standard deviation of luma over 255, 0..0.5 (E. Peli, Contrast in
      complex images, JOSA A 7, 1990).
    - ``sharpness``: see ``sharpness``.
    - ``entropy``: Shannon's entropy of the 256-bin luma histogram, 0..8 bits.
    - ``colorfulness``: M3 of D. Hasler and S. Süsstrunk, Measuring colourfulness in natural images, SPIE 5007 (2003),
      0 and up; above 80 is highly colourful.
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
    """Mean, standard deviation and entropy in bits, all from the histogram of 256 bins."""
    import numpy as np

    counts = np.bincount(luma.ravel(), minlength=256)
    shares, levels = counts / luma.size, np.arange(256)
    mean = float((shares * levels).sum())
    deviation = math.sqrt(float((shares * (levels - mean) ** 2).sum()))
    present = shares[counts > 0]
    return mean, deviation, abs(float((present * np.log2(present)).sum()))


def _at_analysis_size(luma: Array) -> Array:
    height, width = luma.shape
    longer = max(height, width)
    if longer <= ANALYSIS_SIDE:
        return luma.astype("float32")
    return averaged(
        luma, *(max(1, round(side * ANALYSIS_SIDE / longer)) for side in (height, width))
    )


def sharpness(luma: Array) -> float:
    """The variance of the 4-neighbour Laplacian of luma, whose longer side has been averaged to 128 pixels; 0 and up.

    J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000. At this size it tells a blurred
    picture from a sharp one as a viewer of a small picture would; it does not see what only the full size shows.
    """
    if min(luma.shape) < 3:
        return 0.0
    centre = luma[1:-1, 1:-1]
    laplacian: Array = (
        luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * centre
    )
    return float(laplacian.var(dtype="float64"))


def _colorfulness(planes: Array) -> float:
    """From whole numbers: twice the yellow-blue opponent is red + green - 2 blue."""
    import numpy as np

    red, green, blue = planes.astype(np.int16)
    means, variances = 0.0, 0.0
    for opponent, unit in ((red - green, 1), (red + green - 2 * blue, 2)):
        mean = int(opponent.sum(dtype=np.int64)) / opponent.size
        squares = int((opponent.astype(np.int32) ** 2).sum(dtype=np.int64)) / opponent.size
        means += (mean / unit) ** 2
        variances += max(0.0, squares - mean * mean) / unit**2
    return math.sqrt(variances) + 0.3 * math.sqrt(means)


def dominant(planes: Array, most: int = 5) -> list[str]:
    """Up to ``most`` colours, the most frequent first, as ``#rrggbb``. ``planes`` is uint8 3 x N.

    Pixels are counted in 512 cells of 3 bits a channel; a cell's colour is the mean of its pixels, and cells with under
    1 % of the pixels are left out (popularity algorithm: P. Heckbert, Color image quantization for frame buffer
    display, SIGGRAPH 1982). Equal counts go by cell, dark before bright.
    """
    import numpy as np

    high = (planes >> 5).astype(np.uint16)
    cells = (high[0] << 6) | (high[1] << 3) | high[2]
    counts = np.bincount(cells, minlength=512)
    order = np.argsort(-counts, kind="stable")[:most]
    chosen = [cell for cell in order if counts[cell] >= max(1, 0.01 * cells.size)]
    sums = np.stack([np.bincount(cells, weights=plane, minlength=512) for plane in planes])
    return [_hex(sums[:, cell] / counts[cell]) for cell in chosen]


def perceptual_hash(luma: Array) -> str:
    """64 bits as 16 hex digits: the signs of the 8x8 lowest frequencies against their median (``pHash``).

    C. Zauner, Implementation and benchmarking of perceptual image hash functions (2010), 3.2.1: the picture is averaged
    to 32x32, a DCT-II is taken, and each coefficient of the lowest 8x8 is compared with the median of them without the
    constant one. Pictures that look alike differ in few bits; a difference up to 10 is commonly taken for the same.
    """
    import numpy as np

    basis = _cosines(32, 8)
    frequencies = (basis @ averaged(luma, 32, 32) @ basis.T).ravel()
    frequencies = np.round(
        frequencies, 2
    )  # What only rounding decides, in a flat picture, is no frequency.
    bits = frequencies > np.median(frequencies[1:])
    return np.packbits(bits).tobytes().hex()


def averaged(luma: Array, height: int, width: int) -> Array:
    """``luma`` resampled to ``height`` x ``width``, float32, by the area that old and new pixels share.

    By multiplications and additions one after another, and not by a matrix library, whose sums depend on its threads.
    """
    import numpy as np

    rows = np.ascontiguousarray(_averaged_rows(luma, height).T)
    return np.ascontiguousarray(_averaged_rows(rows, width).T)


def _averaged_rows(values: Array, count: int) -> Array:
    (first_rows, first_weights), *others = _shares(values.shape[0], count)
    total: Array = values[first_rows] * first_weights
    for rows, weights in others:
        total += values[rows] * weights
    return total


@lru_cache(maxsize=64)
def _shares(size: int, count: int) -> list[tuple[Array, Array]]:
    """Which of ``size`` rows go into each of ``count``, and with what weight: the first one of each, the second ..."""
    import numpy as np

    edges = np.arange(count + 1) * (size / count)
    first = edges[:-1].astype(int)
    shares = []
    for step in range(math.ceil(size / count) + 1):
        overlap = np.minimum(edges[1:], first + step + 1) - np.maximum(edges[:-1], first + step)
        weights = (np.clip(overlap, 0, None) * (count / size)).astype(np.float32)[:, None]
        shares.append((np.minimum(first + step, size - 1), weights))
    return shares


@lru_cache(maxsize=1)
def _cosines(size: int, count: int) -> Array:
    import numpy as np

    angles = np.pi * (2 * np.arange(size) + 1) * np.arange(count)[:, None] / (2 * size)
    cosines: Array = np.cos(angles)
    return cosines


def _hex(colour: Array) -> str:
    return "#" + "".join(f"{int(value + 0.5):02x}" for value in colour)


def _rounded(value: float) -> float:
    """Six decimals: what is beyond them is rounding."""
    return round(float(value), 6)
