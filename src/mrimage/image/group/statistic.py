"""The first pass of a group correction: an image's statistic, from pixels of its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mrimage.image.decode.arrays import Array, Picture, from_array, to_array
from mrimage.image.edit import Opened, colored, decoded_for
from mrimage.image.encoding import encoder_for
from mrimage.image.geometry import Box, Geometry, geometry_of
from mrimage.image.group.methods import METHODS, Statistic
from mrimage.image.group.picture import frame_of
from mrimage.image.stages import stages
from mrimage.types import Edits, Limits

SIDE = 128
"""Longest side, in pixels, of what is measured, or up to twice as long. Means need no more."""

WHOLE = 1 << 20
"""Pixels of the largest result that is made in full to be measured: it can be kept for the second
pass. Of a larger one, a small picture is made: a camera's JPEG is decoded at 1/8 of its size, which
takes a fraction of the time of the second pass."""


def statistic_of(
    opened: Opened, edits: Edits, limits: Limits, keep: Callable[[Array], None] | None = None
) -> Statistic:
    """The statistic of the image for the group correction of ``edits``. Raises ImageError.

    It is that of the result's crop, shape and colors, before padding. ``keep`` is called with the
    pixels of that picture, H x W x bands, or H x W if gray, if it has no more than ``WHOLE``. The
    statistic does not depend on it.
    """
    assert edits.correct
    method = METHODS[edits.correct]
    format = encoder_for(edits.format, opened.header.format)
    geometry = geometry_of(*opened.displayed, edits)
    width, height = _inner_size(geometry)
    is_whole = width * height <= WHOLE
    made = replace(geometry, canvas=None) if is_whole else reduced(geometry, SIDE)

    def decoded() -> Picture:
        return decoded_for(opened, made, limits)

    def prepared() -> Picture:
        return colored(opened, made, edits, format, limits)[0]

    with stages(opened.data, opened.header, decoded, prepared):
        pixels = to_array(prepared())
    if is_whole and keep is not None:
        keep(pixels)
    return method.of(frame_of(_sampled(pixels), edits, width * height))


def _sampled(pixels: Array) -> Picture:
    """Pixels at even distances, so that the longest side is from ``SIDE`` to twice that, or less."""
    step = max(1, max(pixels.shape[:2]) // SIDE)
    return from_array(np.ascontiguousarray(pixels[::step, ::step]))


def reduced(geometry: Geometry, side: int) -> Geometry:
    """The geometry of a smaller copy of the result, without padding, ``side`` pixels long at most."""
    width, height = _inner_size(geometry)
    factor = min(1.0, side / max(width, height))
    cut = geometry.cut
    if cut is not None:
        cut = Box(
            round(cut.x * factor),
            round(cut.y * factor),
            max(1, round(cut.width * factor)),
            max(1, round(cut.height * factor)),
        )
    scaled_width = max(1, round(geometry.width * factor))
    scaled_height = max(1, round(geometry.height * factor))
    if cut is not None:
        # Rounding may have moved the cut over the border.
        scaled_width = max(scaled_width, cut.x + cut.width)
        scaled_height = max(scaled_height, cut.y + cut.height)
    return replace(geometry, width=scaled_width, height=scaled_height, cut=cut, canvas=None)


def _inner_size(geometry: Geometry) -> tuple[int, int]:
    """Width and height of the result before padding."""
    if geometry.cut is not None:
        return geometry.cut.width, geometry.cut.height
    return geometry.width, geometry.height
