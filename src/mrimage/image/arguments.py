"""What the methods of an image are asked for, held against what there is: whoever calls them may be the user's code, whose
mistakes must not look like ours."""

from __future__ import annotations

from typing import get_args

from mrimage.errors import UsageError, brief, unknown
from mrimage.image.names import COLOR_SPACES, CORRECTION_NAMES, ENCODER_NAMES
from mrimage.types import Edits, Fit

LONGEST_SIDE = 65_535
LARGEST_CROP = (1 << 31) - 1
"""Pixels of a side of a result, and of what is cut out of an image."""


def check_edits(edits: object) -> None:
    """Raise UsageError, naming the field, for edits that are not well-formed."""
    if not isinstance(edits, Edits):
        raise UsageError(
            f"Expected the edits of an image as mrimage.Edits, but got {brief(edits)}."
        )
    for name, value, known in (
        ("to", edits.to, COLOR_SPACES),
        ("correct", edits.correct, CORRECTION_NAMES),
        ("format", edits.format, ENCODER_NAMES),
    ):
        if value is not None and value not in known:
            raise unknown(name, str(value), known)
    if edits.resize is not None:
        check_box("resize", edits)
    crop = edits.crop
    if crop is not None and not all(
        _is_size(side, LARGEST_CROP) for side in (crop.width, crop.height)
    ):
        raise UsageError(
            f"Expected crop as a width and a height in pixels from 1, but got {brief(crop)}."
        )
    if edits.quality is not None and not _is_size(edits.quality, 100):
        raise UsageError(
            f"Expected quality as a whole number from 1 to 100, but got {brief(edits.quality)}."
        )


def check_box(what: str, edits: Edits) -> None:
    """Raise UsageError for a resize, called ``what``, that is no size or has a fit that does not exist."""
    size = edits.resize
    if not isinstance(size, tuple) or len(size) != 2 or not all(map(_is_size, size)):
        raise UsageError(
            f"Expected {what} as a width and a height in pixels from 1 to {LONGEST_SIDE}, but got {brief(size)}."
        )
    if edits.fit not in get_args(Fit):
        raise unknown("fit", str(edits.fit), get_args(Fit))


def _is_size(number: object, most: int = LONGEST_SIDE) -> bool:
    """Whether it is a whole number from 1 to ``most``; numpy's are numbers too."""
    return (
        hasattr(number, "__index__")
        and not isinstance(number, bool)
        and 1 <= number.__index__() <= most
    )
