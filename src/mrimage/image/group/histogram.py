"""``--correct match-histogram``: each image gets its group's mean histogram.

Histogram specification by cumulative distributions: R. C. Gonzalez and R. E. Woods, Digital Image
Processing, 3.3.2, for each channel of the encoded values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrimage.image.group.frame import Frame, full_white, without_new_clipping

Array = np.ndarray[Any, np.dtype[Any]]

BINS = 256
"""Bins of a channel's histogram, whatever the depth."""

MOST_SLOPE = 4.0
"""Steps of the result for each step of the image at most. The noise of a flat image would otherwise
be spread over the whole range."""


def histogram_of(frame: Frame) -> list[int]:
    """The histograms of red, green and blue, one after the other: 3 x 256 whole numbers.

    Each adds up to the image's opaque pixels. A gray image has the same one three times.
    """
    weights = frame.weights
    total = int(weights.sum())
    steps = (full_white(frame.colors) + 1) // BINS
    channels = frame.colors.reshape(len(weights), -1) // steps
    found: list[int] = []
    for band in range(channels.shape[1]):
        counts = np.bincount(channels[:, band], weights, BINS).astype(np.int64)
        found += _scaled(counts, total, frame.weight)
    return found * (3 if frame.is_gray else 1)


def _scaled(counts: Array, total: int, weight: int) -> list[int]:
    """``counts``, which add up to ``total``, as whole numbers that add up to ``weight``."""
    if total == 0:
        return [0] * BINS
    cumulated = [int(count) * weight // total for count in np.cumsum(counts)]
    return [after - before for before, after in zip([0, *cumulated], cumulated, strict=False)]


def match_histogram(colors: Array, space: str, own: Sequence[int], group: Sequence[int]) -> Array:
    """Map each channel so that its histogram ``own`` becomes that of the ``group``.

    A gray picture gets the mean of the group's three histograms.
    """
    had = np.array(own, dtype=np.float64).reshape(3, BINS)
    wanted = np.array(group, dtype=np.float64).reshape(3, BINS)
    if not had.any() or not wanted.any() or (had == wanted).all():
        return colors
    if colors.ndim == 2:
        table = _table(had[0], wanted.mean(axis=0), colors)
        return without_new_clipping(colors, table[colors])
    tables = [_table(had[band], wanted[band], colors) for band in range(3)]
    out = np.stack([table[colors[..., band]] for band, table in enumerate(tables)], axis=2)
    return without_new_clipping(colors, out)


def _table(had: Array, wanted: Array, colors: Array) -> Array:
    """The value of every code 0..255 or 0..65535 of one channel."""
    top = full_white(colors)
    levels = np.arange(BINS, dtype=np.float64)
    ranks = _ranks(had)
    goal = _ranks(wanted)
    # interp needs increasing positions, and a level that no pixel has has no rank of its own.
    is_used = np.append(True, np.diff(goal) > 0)
    exact = np.interp(ranks, goal[is_used], levels[is_used])
    middle = int(np.searchsorted(ranks, 0.5).clip(0, BINS - 1))
    bounded = exact[middle] + _from_middle(np.clip(np.diff(exact), 0, MOST_SLOPE), middle)
    codes = np.arange(top + 1) * ((BINS - 1) / top)
    values = np.interp(codes, levels, bounded) * (top / (BINS - 1))
    table: Array = np.clip(np.rint(values), 0, top).astype(colors.dtype)
    return table


def _ranks(histogram: Array) -> Array:
    """The share of pixels below the middle of each bin, 0..1."""
    cumulated = np.cumsum(histogram)
    ranks: Array = (cumulated - histogram / 2) / cumulated[-1]
    return ranks


def _from_middle(steps: Array, middle: int) -> Array:
    """The sums of ``steps`` counted from the level ``middle``, where they are 0."""
    sums = np.append(0.0, np.cumsum(steps))
    counted: Array = sums - sums[middle]
    return counted
