"""``--correct deflicker``: the exposure of a time-lapse follows a smooth curve.

The curve is a local linear regression over the neighbors in time: W. S. Cleveland, Robust locally
weighted regression and smoothing scatterplots, J. American Statistical Association 74 (1979), without
its robust iterations. A line, unlike a mean, follows a sunset to the first and the last frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from mrimage.image.group.exposure import round_half_up

REACH = 15
"""Neighbors on each side of a frame that its curve sees: 31 frames in all, about a second of film."""

_SCALE = 1_000

WEIGHTS = tuple(
    round(_SCALE * (1 - (abs(offset) / (REACH + 1)) ** 3) ** 3)
    for offset in range(-REACH, REACH + 1)
)
"""The tricube weights of the neighbors (Cleveland 1979, section 2), as whole numbers."""


def smoothed(exposures: Iterable[int | None]) -> Iterator[int | None]:
    """Yield the smooth curve through ``exposures``, which are in time order, in the same unit.

    None, for a frame without an exposure, stays None and counts for no other frame. Only the frames
    of a window are held in memory, so the series may have any length.
    """
    window: deque[int | None] = deque([None] * len(WEIGHTS), len(WEIGHTS))
    for number, exposure in enumerate(chain(exposures, repeat(None, REACH))):
        window.append(exposure)
        if number >= REACH:
            yield _fitted(window)


def _fitted(window: Iterable[int | None]) -> int | None:
    """The value at the middle of the window of the line that fits it best.

    All sums are of whole numbers, so that the result is the same on every machine.
    """
    frames = list(window)
    if frames[REACH] is None:
        return None
    known = [
        (weight, offset, exposure)
        for offset, (weight, exposure) in enumerate(zip(WEIGHTS, frames, strict=True), -REACH)
        if exposure is not None
    ]
    s0 = sum(weight for weight, _, _ in known)
    s1 = sum(weight * offset for weight, offset, _ in known)
    s2 = sum(weight * offset * offset for weight, offset, _ in known)
    t0 = sum(weight * exposure for weight, _, exposure in known)
    t1 = sum(weight * offset * exposure for weight, offset, exposure in known)
    determinant = s0 * s2 - s1 * s1
    if determinant == 0:
        return round_half_up(t0, s0)
    return round_half_up(s2 * t0 - s1 * t1, determinant)
