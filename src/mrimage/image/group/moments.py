"""``--correct match-group``: each image gets its group's mean and spread of color.

E. Reinhard, M. Ashikhmin, B. Gooch and P. Shirley, Color transfer between images, IEEE Computer
Graphics and Applications 21 (2001): shift and scale each channel of an opponent color space to the
mean and the deviation of another image. The space here is CIELAB (see ``color.lab``) in place of
their l-alpha-beta: it is perceptually even, and it has no logarithms, which explode near black.

The group's deviation is that within its images, averaged by pixels. The deviation of all pixels of
the group together would contain how much the images differ from one another, so that every image
of a series with drifting exposure would gain contrast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrimage.image.color.lab import RgbSpace, rgb_space
from mrimage.image.group.frame import Frame, codes_of, mapped, sample_of
from mrimage.image.group.range import SoftRange

Array = np.ndarray[Any, np.dtype[Any]]

MOST_GAIN = 2.0
"""The deviation is scaled by 1/2 to 2 at most. A flat image, whose deviation is noise, would
otherwise explode."""

_STEPS = 256
"""Lab is counted in steps of 1/256, so that sums are whole numbers and do not depend on their
order."""

_UNIT = _STEPS**2
"""Means and variances are kept in 1/65536."""

_ROUNDS = 3
"""Rounds that make up for what the soft ends of the range take from the mean."""


def moments_of(frame: Frame) -> list[int]:
    """Weight, weighted mean and weighted variance of L*, a* and b*: 3 x 3 whole numbers.

    The weight is the image's opaque pixels. That of a* and b* is 0 for a gray image, which says
    nothing about the colors of its group.
    """
    weights = frame.weights
    total = int(weights.sum())
    if total == 0:
        return [0] * 9
    lab = np.rint(frame.rgb.lab_of_light(frame.light) * _STEPS).astype(np.int64)
    found: list[int] = []
    for band in range(3):
        if band and frame.is_gray:
            found += [0, 0, 0]
            continue
        values = lab[:, band]
        first = int((weights * values).sum())
        second = int((weights * values * values).sum())
        mean = first * _STEPS // total
        variance = (second * total - first * first) // total**2
        found += [frame.weight, frame.weight * mean, frame.weight * variance]
    return found


def merge_sums(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Add two statistics number by number."""
    return [left + right for left, right in zip(one, other, strict=True)]


def match_moments(colors: Array, space: str, own: Sequence[int], group: Sequence[int]) -> Array:
    """Shift and scale L*, a* and b* from the ``own`` moments to those of the ``group``.

    A gray picture is matched in L* only.
    """
    shift = np.zeros(3, dtype=np.float32)
    gain = np.ones(3, dtype=np.float32)
    for band in range(1 if colors.ndim == 2 else 3):
        had = _mean_and_deviation(own[3 * band : 3 * band + 3])
        wanted = _mean_and_deviation(group[3 * band : 3 * band + 3])
        if had is None or wanted is None:
            continue
        gain[band] = _bounded_gain(had[1], wanted[1])
        shift[band] = wanted[0] - had[0] * gain[band]
    if not shift.any() and (gain == 1).all():
        return colors
    rgb = rgb_space(space)
    shift, fit = _made_up(codes_of(sample_of(colors)), rgb, gain, shift)
    return mapped(colors, lambda codes: fit(rgb.codes(rgb.lab(codes) * gain + shift)))


def _mean_and_deviation(moments: Sequence[int]) -> tuple[float, float] | None:
    """Mean and deviation of one band; None if no pixel counts."""
    weight, first, second = moments
    if weight == 0:
        return None
    return first / weight / _UNIT, math.sqrt(second / weight / _UNIT)


def _bounded_gain(had: float, wanted: float) -> float:
    if had == wanted:
        return 1.0
    if had == 0:
        return MOST_GAIN
    return min(MOST_GAIN, max(1 / MOST_GAIN, wanted / had))


def _made_up(sample: Array, rgb: RgbSpace, gain: Array, shift: Array) -> tuple[Array, SoftRange]:
    """The shift with which the mean of ``sample`` (N x 3, encoded) gets where it should, although
    the ends of the range are soft; and that range."""
    lab = rgb.lab(sample) * gain
    wanted = lab.mean(axis=0) + shift
    fit = SoftRange.of(rgb.codes(lab + shift))
    for _ in range(_ROUNDS):
        if not fit.is_needed:
            break
        reached = rgb.lab(fit(rgb.codes(lab + shift))).mean(axis=0)
        shift = shift + (wanted - reached)
        fit = SoftRange.of(rgb.codes(lab + shift))
    return shift, fit
