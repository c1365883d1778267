"""Soft ends of the range: colors that a correction brings beyond black or white return gradually."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_SHOULDER = 0.8
"""The encoded value from which a shoulder bends."""

_TOE = 0.1
"""The encoded value below which a toe bends."""


@dataclass(frozen=True, slots=True)
class SoftRange:
    """Brings the values of each channel back into 0..1.

    ``low`` and ``high`` (3 values) are the ends of what has to fit. Values between the toe and the
    shoulder stay as they are, and so does a channel that fits. The curves are those of
    ``shoulder``.
    """

    low: Array
    high: Array

    @classmethod
    def of(cls, codes: Array) -> SoftRange:
        """The range in which all of ``codes`` (N x 3) fit."""
        low = np.minimum(codes.min(axis=0), 0)
        high = np.maximum(codes.max(axis=0), 1)
        return cls(low, high)

    @property
    def is_needed(self) -> bool:
        return bool((self.low < 0).any() or (self.high > 1).any())

    def __call__(self, codes: Array) -> Array:
        """Encoded colors N x 3 with the ends bent."""
        if not self.is_needed:
            return codes
        bent = shoulder(codes, _SHOULDER, self.high)
        return 1 - shoulder(1 - bent, 1 - _TOE, 1 - self.low)


def shoulder(values: Array, knee: float, high: Array | float) -> Array:
    """A curve that is the identity up to ``knee``, and ends with ``high`` at 1.

    Between them it is a rational function with slope 1 at the knee, as the simple operator of
    E. Reinhard et al., Photographic tone reproduction for digital images, ACM Trans. Graphics 21
    (2002), equation 4, with its white at ``high``. Where ``high`` is 1, it is the identity.
    """
    span = high - knee
    steepness = span / (1 - knee)
    part = np.clip((values - knee) / span, 0, 1)
    bent = knee + (1 - knee) * steepness * part / (1 + (steepness - 1) * part)
    return np.where(values > knee, bent, values).astype(np.float32)
