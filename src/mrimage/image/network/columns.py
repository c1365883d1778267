"""The columns of ``embedding`` and ``labels``, of what a model returned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrimage.errors import ImageError
from mrimage.image.network.network import Network

Array = np.ndarray[Any, np.dtype[Any]]

UNSURE = "unsure"
"""The label of an image whose most probable label is not probable enough."""


def network_columns(
    network: Network,
    names: Sequence[str],
    outputs: Mapping[str, Array],
    top: int,
    least: float,
) -> dict[str, object]:
    """Return the columns of those of ``names`` that need a model.

    ``outputs`` are flat arrays by name. ``top`` and ``least`` are those of ``labels``. Raises
    ImageError if a number is not finite.
    """
    columns: dict[str, object] = {}
    if "embedding" in names:
        columns["embedding"] = _embedding(_finite(outputs[network.embedding_output]))
    if "labels" in names:
        columns |= _labels(_finite(outputs[network.label_output]), network.labels, top, least)
    return columns


def _finite(numbers: Array) -> Array:
    if not np.isfinite(numbers).all():
        raise ImageError("unsupported", "The model returned a number that is not finite.")
    return numbers.astype(np.float64)


def _embedding(numbers: Array) -> list[float]:
    """The vector divided by its length, as 16-bit floats."""
    # fsum rounds once: the sums of numpy depend on the processor.
    length = math.sqrt(math.fsum((numbers * numbers).tolist()))
    unit = numbers / length if length else numbers
    shortened: list[float] = unit.astype(np.float16).tolist()
    return shortened


def _labels(numbers: Array, names: Sequence[str], top: int, least: float) -> dict[str, object]:
    """``label``, ``confidence``, ``labels`` and ``confidences``; see ``probabilities``."""
    shares = probabilities(numbers)
    order = np.argsort(-shares, kind="stable")[:top].tolist()
    chosen = [names[place] for place in order]
    confidences = [round(float(shares[place]), 4) for place in order]
    label = chosen[0] if confidences[0] >= least else UNSURE
    return {
        "label": label,
        "confidence": confidences[0],
        "labels": chosen,
        "confidences": confidences,
    }


def probabilities(numbers: Array) -> Array:
    """Return shares that add up to 1: the softmax of ``numbers``, or the numbers themselves if they
    are such shares already."""
    total = math.fsum(numbers.tolist())
    if (numbers >= 0).all() and abs(total - 1) < 1e-3:
        return numbers
    powers = np.exp(numbers - numbers.max())
    shares: Array = powers / math.fsum(powers.tolist())
    return shares
