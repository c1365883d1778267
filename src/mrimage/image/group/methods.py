"""The group corrections by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrimage.image.group.exposure import exposure_of, match_exposure, merge_exposures
from mrimage.image.group.frame import Frame
from mrimage.image.group.histogram import histogram_of, match_histogram
from mrimage.image.group.moments import match_moments, merge_sums, moments_of

Array = np.ndarray[Any, np.dtype[Any]]

Statistic = Sequence[Any]
"""Whole numbers, in lists."""


@dataclass(frozen=True, slots=True)
class GroupMethod:
    """A correction that needs to know the image's group.

    ``of`` is the statistic of one image, and ``merge`` combines two: a commutative monoid, whose
    results do not depend on order or grouping. ``apply`` takes colors (H x W x 3, or H x W if gray,
    of uint8 or uint16), the name of their space, the statistic of the image itself and the one that
    it is to have; it returns colors of the same shape and type.
    """

    of: Callable[[Frame], Statistic]
    merge: Callable[[Any, Any], Statistic]
    apply: Callable[[Array, str, Any, Any], Array]


METHODS: Mapping[str, GroupMethod] = {
    "match-group": GroupMethod(moments_of, merge_sums, match_moments),
    "match-histogram": GroupMethod(histogram_of, merge_sums, match_histogram),
    "exposure-group": GroupMethod(exposure_of, merge_exposures, match_exposure),
    "deflicker": GroupMethod(exposure_of, merge_exposures, match_exposure),
}
"""The group corrections by their names in ``--correct``."""
