"""What the pixels say: the columns of the extractors ``content`` and ``hash``, all from one small decode.

Every feature is defined on the same picture: oriented, composited on white, in sRGB, scaled so that its longer side
has at most 256 pixels. So a feature does not depend on the file format, and a photograph costs an eighth-scale
decode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Array = Any

ANALYSIS_SIDE = 256
"""Pixels of the longer side of the picture on which features are measured."""


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
    if not any(EXTRACTORS[name].pixels for name in names):
        return columns
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    if "content" in names:
        columns |= content(pixels, luma)
    if "hash" in names:
        columns |= {"phash": perceptual_hash(luma), "sha256": hashlib.sha256(data).hexdigest()}
    return columns


def content(pixels: Array, luma: Array) -> dict[str, object]:
    """The seven content columns. ``luma`` is BT.601, float32 0..255.

    - ``brightness``: mean luma over 255, 0..1.
    - ``contrast``: root-mean-square contrast, the standard deviation of luma over 255, 0..0.5 (E. Peli, JOSA A 7, 1990).
    - ``sharpness``: variance of the 4-neighbour Laplacian of luma, 0 and up (J. L. Pech-Pacheco et al., ICPR 2000).
    - ``entropy``: Shannon's entropy of the 256-bin luma histogram, 0..8 bits.
    - ``colorfulness``: M3 of D. Hasler and S. Süsstrunk, SPIE 5007 (2003), 0 and up; over 80 is highly colourful.
    - ``mean_color``: the mean of each channel, ``#rrggbb``.
    - ``dominant_colors``: see ``dominant``.
    """
    import numpy as np

    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    counts = np.bincount(np.rint(luma).astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / luma.size
    values = pixels.reshape(-1, 3).astype(np.float32)
    red, green, blue = values.T
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return {
        "brightness": _rounded(luma.mean(dtype=np.float64) / 255),
        "contrast": _rounded(luma.std(dtype=np.float64) / 255),
        "sharpness": _rounded(laplacian.var(dtype=np.float64)) if laplacian.size else 0.0,
        "entropy": _rounded(max(0.0, -(shares * np.log2(shares)).sum())),
        "colorfulness": _rounded(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())),
        "mean_color": _hex(values.mean(axis=0, dtype=np.float64)),
        "dominant_colors": dominant(pixels),
    }


def dominant(pixels: Array, most: int = 5) -> list[str]:
    """Up to ``most`` colours, the most frequent first, as ``#rrggbb``.

    Pixels are counted in 512 cells of 3 bits a channel; each cell's colour is the mean of its pixels, and cells with
    under 1 % of the pixels are left out (popularity algorithm, P. Heckbert, SIGGRAPH 1982). Equal counts go by cell.
    """
    import numpy as np

    flat = pixels.reshape(-1, 3)
    high = (flat >> 5).astype(np.uint16)
    cells = high[:, 0] << 6 | high[:, 1] << 3 | high[:, 2]
    counts = np.bincount(cells, minlength=512)
    order = np.argsort(-counts, kind="stable")[:most]
    chosen = [cell for cell in order if counts[cell] >= max(1, 0.01 * len(flat))]
    return [_hex(flat[cells == cell].mean(axis=0)) for cell in chosen]


def perceptual_hash(luma: Array) -> str:
    """64 bits as 16 hex digits: the signs of the 8x8 lowest frequencies against their median (``pHash``).

    C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), 3.2.1: the picture is averaged
    to 32x32, a DCT-II is taken, and each coefficient of the lowest 8x8 is compared with their median, the constant one
    left out of it. Close pictures differ in few bits.
    """
    import numpy as np

    small = _averaged(luma, 32)
    basis = _cosines(32, 8)
    frequencies = basis @ small @ basis.T
    bits = frequencies.ravel() > np.median(frequencies.ravel()[1:])
    return np.packbits(bits).tobytes().hex()


@cache
def _cosines(size: int, count: int) -> Array:
    import numpy as np

    angles = np.pi * (2 * np.arange(size) + 1) * np.arange(count)[:, None] / (2 * size)
    return np.cos(angles).astype(np.float32)


@cache
def _area_weights(size: int, cells: int) -> Array:
    """The matrix that averages ``size`` samples to ``cells`` by the area that they share."""
    import numpy as np

    edges = np.linspace(0, size, cells + 1)
    left, right = edges[:-1, None], edges[1:, None]
    shared = np.minimum(right, np.arange(1, size + 1)) - np.maximum(left, np.arange(size))
    return (np.clip(shared, 0, 1) * (cells / size)).astype(np.float32)


def _averaged(luma: Array, side: int) -> Array:
    return _area_weights(luma.shape[0], side) @ luma @ _area_weights(luma.shape[1], side).T


def _hex(colour: Array) -> str:
    return "#" + "".join(f"{int(value + 0.5):02x}" for value in colour)


def _rounded(value: float) -> float:
    """Six significant decimals, beyond which libraries and processors may differ."""
    return round(float(value), 6)
