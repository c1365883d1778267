"""Applies a group correction to a picture, and measures what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mrimage.image.color.conversion import colors_of
from mrimage.image.color.lab import rgb_space
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.group.frame import Frame, codes_of, full_white, sample_of
from mrimage.image.group.methods import METHODS, Statistic
from mrimage.types import Edits

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Matching:
    """The statistic of an image, and the one that it is to have: its group's, or a reference's.

    If ``own`` is None, it is measured on the whole picture. ``kept`` are the pixels that the first
    pass kept (see ``statistic_of``); None if it kept none, so that the image is decoded.
    """

    own: Statistic | None
    group: Statistic
    kept: Array | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a correction did to an image: the mean of its Lab colors before and after, and the share
    (0..1) of its pixels that have a channel which has become black or white."""

    before: tuple[float, float, float]
    after: tuple[float, float, float]
    clipped: float


def frame_of(picture: Picture, edits: Edits, pixels: int) -> Frame:
    """The picture, in the colors of its result, as numpy arrays.

    ``pixels`` is the number of pixels of the result.
    """
    space = "srgb" if edits.to in (None, "gray") else edits.to
    assert space
    if not picture.hasalpha():
        return Frame(to_array(picture), space, pixels)
    count = colors_of(picture)
    # Colors and alpha are read one after the other, but a stream can be read only once.
    picture = picture.copy_memory()
    colors = to_array(picture.extract_band(0, n=count))
    return Frame(colors, space, pixels, to_array(picture[count]))


def matched(picture: Picture, edits: Edits, matching: Matching) -> tuple[Picture, Change]:
    """Apply the group correction of ``edits`` to the colors, and leave alpha alone."""
    assert edits.correct
    method = METHODS[edits.correct]
    frame = frame_of(picture, edits, picture.width * picture.height)
    own = method.of(frame) if matching.own is None else matching.own
    colors = method.apply(frame.colors, frame.space, own, matching.group)
    changed = from_array(np.ascontiguousarray(colors))
    if frame.alpha is not None:
        changed = changed.bandjoin(from_array(np.ascontiguousarray(frame.alpha)))
    return changed, _change(frame.colors, colors, frame.space)


def _change(before: Array, after: Array, space: str) -> Change:
    """Measured on the same sample of pixels of both pictures."""
    old = sample_of(before)
    new = sample_of(after)
    clipped = _is_clipped(new) & ~_is_clipped(old)
    is_clipped = clipped if clipped.ndim == 1 else clipped.any(axis=1)
    return Change(_mean_lab(old, space), _mean_lab(new, space), float(is_clipped.mean()))


def _is_clipped(colors: Array) -> Array:
    clipped: Array = (colors == 0) | (colors == full_white(colors))
    return clipped


def _mean_lab(colors: Array, space: str) -> tuple[float, float, float]:
    lightness, a, b = rgb_space(space).lab(codes_of(colors)).mean(axis=0, dtype=np.float64)
    # Three decimals: what is beyond them differs from processor to processor.
    return round(float(lightness), 3), round(float(a), 3), round(float(b), 3)
