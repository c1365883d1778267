"""Checks of the arguments that an image's methods receive.

The caller may be the user's code. Its mistakes are reported as such, and not as a fault of
mrimage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from mrimage.errors import UsageError, brief, unknown
from mrimage.image.names import COLOR_SPACES, CORRECTION_NAMES, ENCODER_NAMES, FORMAT_ALIASES
from mrimage.image.sizes import (
    LONGEST_SIDE,
    SIZE_SETS,
    UnknownSetError,
    each_size,
    relative_size,
    sizes_of,
)
from mrimage.installed import is_installed
from mrimage.types import CORNERS, Crop, Edits, Fit, Resize

LARGEST_CROP = (1 << 31) - 1
"""Largest width or height of a crop, in pixels."""


def check_edits(edits: object) -> None:
    """Raise UsageError, naming the field, if a field of ``edits`` is invalid."""
    if not isinstance(edits, Edits):
        raise UsageError(f"The edits of an image must be mrimage.Edits, but got {brief(edits)}.")
    _check_names(edits)
    if edits.resize is not None:
        _check_sizes(edits.resize)
        _check_fit(edits)
    if edits.crop is not None:
        _check_crop(edits.crop)
    _check_finish(edits)
    if edits.quality is not None and not _is_size(edits.quality, 100):
        raise UsageError(
            f"quality must be a whole number from 1 to 100, but got {brief(edits.quality)}."
        )


def _check_finish(edits: Edits) -> None:
    """Raise UsageError if the sharpening or the place of the watermark is invalid."""
    if edits.watermark_corner not in CORNERS:
        raise unknown("watermark_corner", str(edits.watermark_corner), CORNERS)
    for name, value, most in (
        ("sharpen", edits.sharpen, 10),
        ("watermark_share", edits.watermark_share, 1),
    ):
        if value is None:
            continue
        if not isinstance(value, int | float) or not 0 <= value <= most:
            raise UsageError(f"{name} must be a number from 0 to {most}, but got {brief(value)}.")


def check_alone(edits: Edits, watermarks: Mapping[str, bytes]) -> None:
    """Raise UsageError if ``edits`` need something that only a run knows. ``watermarks`` are the
    pictures that the run has read."""
    if edits.sees_group:
        raise UsageError(
            f"correct {edits.correct} needs the other images of the group, but got one image alone. "
            "Put the edits into mrimage.Job(edits=...)."
        )
    if edits.resize is not None and len(each_size(edits.resize)) > 1:
        raise UsageError(
            f"One image is to be edited, but resize {brief(edits.resize)} makes a result of each "
            "size. Give one size, or put the edits into mrimage.Job(edits=...)."
        )
    if edits.reference is not None:
        raise UsageError(
            "reference is read when a run begins, so it works only in mrimage.Job(edits=...) and in "
            "rules. Put the edits there."
        )
    if edits.watermark is not None and edits.watermark not in watermarks:
        raise UsageError(
            "A watermark is read when a run begins, so it works only in mrimage.Job(edits=...) and "
            f"in rules, but {brief(edits.watermark)} was named later. Put the edits there."
        )


def check_box(what: str, edits: Edits) -> None:
    """Raise UsageError if the size or the fit of a resize is invalid. ``what`` names the size."""
    size = edits.resize
    if not isinstance(size, tuple) or len(size) != 2 or not all(map(_is_size, size)):
        raise UsageError(
            f"{what} must be a width and a height in pixels from 1 to {LONGEST_SIDE}, "
            f"but got {brief(size)}."
        )
    _check_fit(edits)


def _check_sizes(resize: Resize) -> None:
    try:
        for size in each_size(resize):
            if relative_size(size) is None:
                sizes_of(size)
    except UnknownSetError as error:
        raise unknown("resize", error.name, SIZE_SETS) from None
    except ValueError:
        raise UsageError(
            f"resize must be a width and a height in pixels from 1 to {LONGEST_SIDE}, several of "
            f"them, the name of a set of sizes ({', '.join(SIZE_SETS)}), or a longest side such as "
            f'2048, "50%" or "2mp", but got {brief(resize)}.'
        ) from None


def _check_fit(edits: Edits) -> None:
    if edits.fit not in get_args(Fit):
        raise unknown("fit", str(edits.fit), get_args(Fit))


def _check_names(edits: Edits) -> None:
    for field, value, known in (
        ("to", edits.to, COLOR_SPACES),
        ("correct", edits.correct, CORRECTION_NAMES),
        ("format", FORMAT_ALIASES.get(edits.format, edits.format), ENCODER_NAMES),
    ):
        is_extra = field == "correct" and is_installed("corrections", str(value))
        if value is not None and value not in known and not is_extra:
            raise unknown(field, str(value), known)


def _check_crop(crop: Crop) -> None:
    if not _is_size(crop.width, LARGEST_CROP) or not _is_size(crop.height, LARGEST_CROP):
        raise UsageError(
            f"crop must be a width and a height in pixels, each at least 1, but got {brief(crop)}."
        )


def _is_size(number: object, most: int = LONGEST_SIDE) -> bool:
    """Whether ``number`` is a whole number from 1 to ``most``."""
    # Integers of numpy are not of type int, but have __index__.
    if not hasattr(number, "__index__") or isinstance(number, bool):
        return False
    return bool(1 <= number.__index__() <= most)
