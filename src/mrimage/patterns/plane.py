"""The map of a pile: where its images are on a plane, by the two directions in which their vectors
differ most (K. Pearson, On lines and planes of closest fit, 1901)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrimage.patterns.vectors import UNIT, Array

_AXIS = 1 << 16
"""The length of an axis in whole numbers."""


@dataclass(frozen=True)
class Plane:
    """``axes`` are whole numbers, shape (2, d), and ``offset`` what they make of the mean, (2,)."""

    axes: Array
    offset: Array

    def places(self, vectors: Array) -> Array:
        """Return x and y of whole vectors, shape (vectors, 2).

        The unit is the length of a vector. The products are of whole numbers below 2**53, so they
        are exact.
        """
        found: Array = vectors.astype(np.float64) @ self.axes.T - self.offset
        return np.round(found / (UNIT * _AXIS), 5)


def plane_of(vectors: Array) -> Plane:
    """Return the plane through the mean of whole vectors along their two principal components.

    Of the two directions of a component, that counts in which its largest number is positive.
    """
    whole = vectors.astype(np.float64)
    count, length = whole.shape
    total = whole.sum(axis=0)
    # Whole numbers, so this is exact but for the division.
    spread = whole.T @ whole - np.outer(total, total) / count
    _, directions = np.linalg.eigh(spread)
    axes = np.zeros((2, length))
    for place in range(min(2, length)):
        axis = directions[:, -1 - place]
        axes[place] = axis * np.sign(axis[np.abs(axis).argmax()])
    whole_axes = np.rint(axes * _AXIS)
    return Plane(whole_axes, np.rint(whole_axes @ total / count))
