"""A small sRGB picture of an image, for features, contact sheets and the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrimage.image.color.canvas import eight_bits, flattened
from mrimage.image.color.conversion import converted, is_srgb, source_profile
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.jpeg import jpeg_array
from mrimage.image.edit import Opened, check_pixels, cut_out, decoded_for, resized, turned
from mrimage.image.geometry import SHRINKS, Box, Geometry, geometry_of
from mrimage.image.header.model import Header
from mrimage.image.stages import stages
from mrimage.types import Edits, Limits

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

WHITE = (255, 255, 255)


def thumbnail(opened: Opened, edits: Edits, limits: Limits, *, keep_alpha: bool = False) -> Pixels:
    """Return the image as uint8 H x W x 3 after the resizing of ``edits``.

    With ``keep_alpha``, an image with alpha gives H x W x 4: the same colors, and the alpha. Raises
    ImageError.
    """
    geometry = geometry_of(*opened.displayed, edits)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Picture:
        image = cut_out(resized(opened, geometry, limits), geometry)
        return _in_srgb(image, opened, keep_alpha=keep_alpha)

    with stages(opened.data, opened.header, decoded, prepared):
        pixels: Pixels = to_array(prepared())
    return pixels


def with_alpha(opened: Opened, edits: Edits, limits: Limits) -> Pixels:
    """Return the image as uint8 H x W x 4 after the resizing of ``edits``: sRGB and straight alpha,
    255 where the image has none. Raises ImageError."""
    geometry = geometry_of(*opened.displayed, edits)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Picture:
        image = resized(opened, geometry, limits)
        image, _ = converted(image, source_profile(opened.header, opened.facts), "srgb")
        image = eight_bits(image)
        return image if image.hasalpha() else image.bandjoin(255)

    with stages(opened.data, opened.header, decoded, prepared):
        pixels: Pixels = to_array(prepared())
    return pixels


def analysis_picture(
    opened: Opened, side: int, limits: Limits, *, keep_alpha: bool = False
) -> Pixels:
    """Return the image as uint8 H x W x 3 at a low resolution that is cheap to decode.

    The longer side has at least ``side`` pixels, unless the image is smaller, and seldom more than
    twice that: a JPEG keeps the size of its scaled decode, and any other image is scaled to twice
    ``side``. ``keep_alpha`` is that of ``thumbnail``. Raises ImageError.
    """
    header = opened.header
    shrink = _analysis_shrink(header, side)
    if not _can_scale_decode(header, shrink, limits):
        edits = Edits(resize=(2 * side, 2 * side), enlarge=False)
        return thumbnail(opened, edits, limits, keep_alpha=keep_alpha)
    width = _scaled_length(header.width, shrink)
    height = _scaled_length(header.height, shrink)
    stored = Geometry(Box(0, 0, header.width, header.height), width, height)
    check_pixels(header, stored, shrink, limits)
    pixels: Pixels = jpeg_array(opened.data, header, limits, shrink)
    is_rgb = header.model == "rgb" and is_srgb(source_profile(header, opened.facts))
    if is_rgb and opened.orientation == 1:
        return pixels

    def decoded() -> Picture:
        return from_array(pixels)

    def prepared() -> Picture:
        image = turned(from_array(pixels), opened.orientation)
        return _in_srgb(image, opened)

    with stages(opened.data, header, decoded, prepared):
        shown: Pixels = to_array(prepared())
    return shown


def _analysis_shrink(header: Header, side: int) -> int:
    """The largest shrink at which the longer side has at least ``side`` pixels."""
    longer = max(header.width, header.height)
    for shrink in SHRINKS:
        if _scaled_length(longer, shrink) >= side:
            return shrink
    return 1


def _can_scale_decode(header: Header, shrink: int, limits: Limits) -> bool:
    """Whether the file is a JPEG of RGB or gray whose decode at 1/``shrink`` is within the limits."""
    if header.format != "jpeg" or header.model == "cmyk":
        return False
    return header.pixels <= limits.max_pixels * shrink**2


def _scaled_length(length: int, shrink: int) -> int:
    """``length`` at 1/``shrink``, rounded up as libjpeg-turbo does."""
    return -(-length // shrink)


def _in_srgb(image: Picture, opened: Opened, *, keep_alpha: bool = False) -> Picture:
    """Convert to 8-bit sRGB, with alpha composited on white, and kept if ``keep_alpha``."""
    image, _ = converted(image, source_profile(opened.header, opened.facts), "srgb")
    if not image.hasalpha():
        return eight_bits(image)
    colors = eight_bits(flattened(image, WHITE, None))
    if not keep_alpha:
        return colors
    with_alpha = eight_bits(image)
    return colors.bandjoin(with_alpha.extract_band(with_alpha.bands - 1))
