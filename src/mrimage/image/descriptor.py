"""The descriptor: 236 numbers that say what a picture looks like. The cosine of two descriptors says
how alike their pictures are.

It has two parts. The color layout says which color is where, as the MPEG-7 descriptor of that name
does (E. Kasutani and A. Yamada, The MPEG-7 color layout descriptor, ICIP 2001). The gradient
histograms say where edges are and which way they run, as SIFT does for a patch (D. Lowe,
Distinctive image features from scale-invariant keypoints, IJCV 60, 2004). Both are compared by
Hellinger's kernel: the square root of each number is taken, so that a few strong edges do not
decide alone (R. Arandjelović and A. Zisserman, Three things everyone should know to improve object
retrieval, CVPR 2012). What all pictures have in common, edges everywhere, is mostly taken away
(H. Jégou and O. Chum, Negative evidences and co-occurences in image retrieval, ECCV 2012).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SIDE = 48
"""The picture is averaged to this many pixels a side. 6 and 4 cells divide it."""

COLOR_CELLS = 6
EDGE_CELLS = 4
BINS = 8

COLORS = 3 * COLOR_CELLS**2
"""The first 108 numbers: 3 channels of 6 x 6 cells, each in rows from the top left. The other 128
are 4 x 4 cells in rows, with 8 directions each."""

COLOR_SHARE = 0.25
"""How much of the similarity is color; the rest is edges. This share and COMMON were chosen on 55
photographs and textures: of shares from 0.15 to 0.5 and parts from 0 to 1, they found the most
pictures that had been cropped, at one false pair in a thousand."""

COMMON = Fraction(4, 5)
"""The part of the mean that is taken away from the edges. Without it, any two pictures with edges
everywhere are alike. With all of it, noise decides about pictures with even texture."""

_ONE = 1 << 20
"""The square root of all edges together, as a whole number."""

PRECISION = 16
"""Fractions of an 8-bit level that an averaged pixel keeps."""

# The tangent of 22.5 degrees. Directions nearer to an axis than this belong to the axis.
_TANGENT = 41421
_TANGENT_UNIT = 100_000


def describe(planes: Array) -> Array:
    """Return the descriptor of a picture as float16, shape (236,), of length 1.

    ``planes`` is uint8 3 x H x W, in sRGB. The picture is averaged to 48 x 48 pixels, whatever its
    shape, so that its scale does not matter.

    - Color: the means of 6 x 6 cells, in luma (its mean over the picture subtracted, so that
      brightness does not matter), red - green, and (red + green) / 2 - blue. Of each, the square
      root with its sign.
    - Edges: the lengths of the gradients of luma, summed by 8 directions in 4 x 4 cells. A pixel
      counts for the nearest cells by its distance from their centers. Of each, the square root
      less COMMON times their mean.

    Each part is scaled so that its squares add up to COLOR_SHARE and to the rest. If the picture
    has no color layout or no edges, the other part has all. A flat gray picture has neither: its
    descriptor is zero.

    The type is float16 because half of the numbers have a sign, and bytes would need an offset,
    with which the cosine would be another number. Its rounding changes a cosine by less than 0.001.

    All sums are sums of whole numbers, so the result is the same on every processor. Turning or
    mirroring the picture permutes the numbers (see ``permutations``).
    """
    small = _averaged(planes, SIDE)
    red, green, blue = small
    # 256 times the luma of Rec. ITU-R BT.601.
    luma = 77 * red + 150 * green + 29 * blue
    colors = _color_layout(small)
    edges = _centered_roots(_gradient_histograms(luma))
    color_sum = int(np.abs(colors).sum())
    edge_sum = int((edges * edges).sum())
    color_share = COLOR_SHARE
    if edge_sum == 0:
        color_share = 1.0
    elif color_sum == 0:
        color_share = 0.0
    color_roots = np.sqrt(np.abs(colors) * (color_share / max(1, color_sum))) * np.sign(colors)
    scaled_edges = edges * math.sqrt((1 - color_share) / max(1, edge_sum))
    return np.concatenate([color_roots.ravel(), scaled_edges.ravel()]).astype(np.float16)


def _centered_roots(histograms: Array) -> Array:
    """The square roots of ``histograms`` less COMMON times their mean, as int64 of a common unit.

    All of them are 0 if the histograms are.
    """
    total = histograms.sum()
    if total == 0:
        return np.zeros(histograms.shape, np.int64)
    roots = np.rint(np.sqrt(histograms / total) * _ONE).astype(np.int64)
    centered: Array = COMMON.denominator * roots.size * roots - COMMON.numerator * roots.sum()
    return centered


def _color_layout(small: Array) -> Array:
    """The color of each cell, int64 3 x 6 x 6; ``small`` is int64 3 x 48 x 48."""
    side = SIDE // COLOR_CELLS
    cells = small.reshape(3, COLOR_CELLS, side, COLOR_CELLS, side).sum(axis=(2, 4))
    red, green, blue = cells
    luma = 77 * red + 150 * green + 29 * blue
    luma_offset = luma * luma.size - luma.sum()
    # The three in one unit: luma is 256 times too large, and then as many times as it has cells.
    red_green = 256 * luma.size * (red - green)
    yellow_blue = 128 * luma.size * (red + green - 2 * blue)
    return np.stack([luma_offset, red_green, yellow_blue])


def _gradient_histograms(luma: Array) -> Array:
    """Sums of gradients by cell and direction, float64 of whole numbers, 4 x 4 x 8.

    Directions are 45 degrees apart and go clockwise from the right, where it gets brighter.
    """
    across = np.zeros_like(luma)
    down = np.zeros_like(luma)
    across[:, 1:-1] = luma[:, 2:] - luma[:, :-2]
    down[1:-1] = luma[2:] - luma[:-2]
    length = np.rint(np.sqrt(across * across + down * down))
    direction = _direction(across, down)
    by_direction = np.where(direction == np.arange(BINS)[:, None, None], length, 0.0)
    # A matrix product of floats, but of whole numbers below 2**53: no order of adding changes it.
    weights = _cell_weights()
    sums = weights @ by_direction @ weights.T
    histograms: Array = np.ascontiguousarray(sums.transpose(1, 2, 0))
    return histograms


def _direction(across: Array, down: Array) -> Array:
    """The direction of each gradient, 0 to 7, by comparing whole numbers."""
    wide = np.abs(across)
    high = np.abs(down)
    horizontal = high * _TANGENT_UNIT < wide * _TANGENT
    vertical = wide * _TANGENT_UNIT < high * _TANGENT
    right = across > 0
    below = down > 0
    along_row = np.where(right, 0, 4)
    along_column = np.where(below, 2, 6)
    slanted = np.where(below, np.where(right, 1, 3), np.where(right, 7, 5))
    return np.where(horizontal, along_row, np.where(vertical, along_column, slanted))


@lru_cache(maxsize=1)
def _cell_weights() -> Array:
    """How much each of 48 rows counts for each of 4 cells, whole numbers, 4 x 48.

    The weight falls in a straight line from the center of a cell to that of the next one. Rows
    outside the outermost centers belong to the outermost cell. The unit is 1/24.
    """
    twice_side = 2 * SIDE // EDGE_CELLS
    rows = 2 * np.arange(SIDE) + 1
    centers = twice_side * np.arange(EDGE_CELLS) + twice_side // 2
    rows = np.clip(rows, centers[0], centers[-1])
    distances = np.abs(rows - centers[:, None])
    weights: Array = np.maximum(0, twice_side - distances).astype(np.float64)
    return weights


def _averaged(planes: Array, side: int) -> Array:
    """Average planes (uint8 C x H x W) to int64 C x ``side`` x ``side``, times PRECISION.

    Each old pixel counts by the area that it shares with the new one. The sums are whole numbers,
    so that turning the picture turns the result exactly.
    """
    height, width = planes.shape[1:]
    rows = _summed_rows(planes, side, np.int32)
    columns = _summed_rows(np.ascontiguousarray(rows.transpose(0, 2, 1)), side, np.int64)
    pixels = height * width
    averages: Array = (columns.transpose(0, 2, 1) * PRECISION + pixels // 2) // pixels
    return averages


def _summed_rows(values: Array, count: int, dtype: type[np.signedinteger[Any]]) -> Array:
    """Add up the rows of C x N x M to ``count`` new rows, each old row times its share in the new.

    The unit of the shares is 1/N of a new row, so that they are whole numbers.
    """
    total: Array = np.zeros((values.shape[0], count, values.shape[2]), dtype)
    for rows, shares in _whole_shares(values.shape[1], count):
        total += values[:, rows] * shares.astype(dtype)
    return total


@lru_cache(maxsize=64)
def _whole_shares(size: int, count: int) -> list[tuple[Array, Array]]:
    """Which of ``size`` rows count for each of ``count`` new rows, and how much.

    The list has one pair of arrays for the first row that counts for each new row, one for the
    second, and so on: row numbers, shape (count,), and shares, shape (count, 1).
    """
    edges = np.arange(count + 1) * size
    first = edges[:-1] // count
    pairs = []
    for step in range(-(-size // count) + 1):
        row = first + step
        overlap = np.minimum(edges[1:], (row + 1) * count) - np.maximum(edges[:-1], row * count)
        shares = np.clip(overlap, 0, None)[:, None]
        if shares.any():
            pairs.append((np.minimum(row, size - 1), shares))
    return pairs


@lru_cache(maxsize=1)
def permutations() -> Mapping[str, Array]:
    """How turning and mirroring a picture permutes its descriptor, by name.

    For each of the eight, ``descriptor[permutation]`` is the descriptor of the changed picture.
    Turns are clockwise. A mirrored picture has its left and right exchanged, and is turned after
    that. Each permutation has the shape (236,).
    """
    found = {}
    for mirrored in (False, True):
        for quarters in range(4):
            names = ["mirrored"] if mirrored else []
            if quarters:
                names.append(f"turned {90 * quarters}")
            found[", ".join(names) or "same"] = _permutation(mirrored, quarters)
    return found


def _permutation(mirrored: bool, quarters: int) -> Array:
    colors = np.arange(COLORS).reshape(3, COLOR_CELLS, COLOR_CELLS)
    edges = COLORS + np.arange(EDGE_CELLS**2 * BINS).reshape(EDGE_CELLS, EDGE_CELLS, BINS)
    if mirrored:
        colors = colors[:, :, ::-1]
        # Right becomes left, and what points down stays: direction 0 becomes 4, and 2 stays.
        edges = edges[:, ::-1, (4 - np.arange(BINS)) % BINS]
    colors = np.rot90(colors, -quarters, axes=(1, 2))
    edges = np.rot90(edges, -quarters, axes=(0, 1))
    # A quarter turn takes each direction two further.
    edges = np.roll(edges, 2 * quarters, axis=2)
    return np.concatenate([colors.ravel(), edges.ravel()])
