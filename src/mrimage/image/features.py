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

STRIDE_FROM = 65_536
"""Pixels of the picture from which every second row and column is enough for the statistics of colour."""


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
    columns: dict[str, object] = {}
    luma = luma_of(pixels)
    if "content" in names:
        columns |= content(pixels, luma)
    if "hash" in names:
        columns |= {"phash": perceptual_hash(luma), "sha256": hashlib.sha256(data).hexdigest()}
    return columns


def luma_of(pixels: Array) -> Array:
    """Luma of Rec. ITU-R BT.601, float32 H x W, 0..255."""
    import numpy as np

    luma: Array = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return luma


def content(pixels: Array, luma: Array) -> dict[str, object]:
    """The seven content columns.

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

    step = 2 if luma.size >= STRIDE_FROM else 1
    planes = np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1)).reshape(3, -1)
    values = planes.astype(np.float32)
    mean, deviation, entropy = _luma_statistics(luma[::step, ::step])
    return {
        "brightness": _rounded(mean / 255),
        "contrast": _rounded(deviation / 255),
        "sharpness": _rounded(sharpness(luma)),
        "entropy": _rounded(entropy),
        "colorfulness": _rounded(_colorfulness(values)),
        "mean_color": _hex(values.mean(axis=1)),
        "dominant_colors": dominant(planes),
    }


def _luma_statistics(luma: Array) -> tuple[float, float, float]:
    """Mean, standard deviation and entropy in bits, all from the histogram of 256 bins."""
    import numpy as np

    counts = np.bincount((luma + 0.5).astype(np.uint8).ravel(), minlength=256)
    shares, levels = counts / luma.size, np.arange(256)
    mean = float(shares @ levels)
    deviation = math.sqrt(max(0.0, float(shares @ (levels - mean) ** 2)))
    present = shares[counts > 0]
    return mean, deviation, max(0.0, -float(present @ np.log2(present)))


def sharpness(luma: Array) -> float:
    """The variance of the 4-neighbour Laplacian of luma, with the longer side averaged to 128 pixels; 0 and up.

    J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000. At this size it tells a blurred
    picture from a sharp one as a viewer of a small picture would; it does not see what only the full size shows.
    """
    height, width = luma.shape
    longer = max(height, width)
    if longer > ANALYSIS_SIDE:
        sides = (max(1, round(side * ANALYSIS_SIDE / longer)) for side in (height, width))
        luma = averaged(luma, *sides)
    if min(luma.shape) < 3:
        return 0.0
    centre = luma[1:-1, 1:-1]
    laplacian: Array = (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * centre).ravel()
    mean = float(laplacian.sum()) / laplacian.size
    return max(0.0, float(laplacian @ laplacian) / laplacian.size - mean * mean)


def _colorfulness(values: Array) -> float:
    red, green, blue = values
    red_green, yellow_blue = red - green, (red + green) * 0.5 - blue
    means, squares = 0.0, 0.0
    for opponent in (red_green, yellow_blue):
        mean = float(opponent.sum()) / opponent.size
        means += mean * mean
        squares += max(0.0, float(opponent @ opponent) / opponent.size - mean * mean)
    return math.sqrt(squares) + 0.3 * math.sqrt(means)


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
    return [_hex(planes[:, np.flatnonzero(cells == cell)].mean(axis=1)) for cell in chosen]


def perceptual_hash(luma: Array) -> str:
    """64 bits as 16 hex digits: the signs of the 8x8 lowest frequencies against their median (``pHash``).

    C. Zauner, Implementation and benchmarking of perceptual image hash functions (2010), 3.2.1: the picture is averaged
    to 32x32, a DCT-II is taken, and each coefficient of the lowest 8x8 is compared with the median of them without the
    constant one. Pictures that look alike differ in few bits; a difference up to 10 is commonly taken for the same.
    """
    import numpy as np

    basis = _cosines(32, 8)
    frequencies = (basis @ averaged(luma, 32, 32) @ basis.T).ravel()
    frequencies = np.round(frequencies, 2)  # What only rounding decides, in a flat picture, is no frequency.
    bits = frequencies > np.median(frequencies[1:])
    return np.packbits(bits).tobytes().hex()


def averaged(luma: Array, height: int, width: int) -> Array:
    """``luma`` resampled to ``height`` x ``width`` by the area that old and new pixels share."""
    result: Array = _area_weights(luma.shape[0], height) @ luma @ _area_weights(luma.shape[1], width).T
    return result


@lru_cache(maxsize=1)
def _cosines(size: int, count: int) -> Array:
    import numpy as np

    angles = np.pi * (2 * np.arange(size) + 1) * np.arange(count)[:, None] / (2 * size)
    return np.cos(angles).astype(np.float32)


@lru_cache(maxsize=64)
def _area_weights(size: int, cells: int) -> Array:
    """The matrix that averages ``size`` samples to ``cells``."""
    import numpy as np

    edges = np.linspace(0, size, cells + 1)
    left, right = edges[:-1, None], edges[1:, None]
    shared = np.minimum(right, np.arange(1, size + 1)) - np.maximum(left, np.arange(size))
    weights: Array = (np.clip(shared, 0, None) * (cells / size)).astype(np.float32)
    return weights


def _hex(colour: Array) -> str:
    return "#" + "".join(f"{int(value + 0.5):02x}" for value in colour)


def _rounded(value: float) -> float:
    """Four decimals: single-precision sums differ beyond them from one processor's vector width to another's."""
    return round(float(value), 4)
