"""A small sRGB picture of an image, for features, contact sheets and the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrimage.image.color.canvas import eight_bits, flattened
from mrimage.image.color.conversion import converted, is_srgb, source_profile
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.jpeg import jpeg_array
from mrimage.image.edit import Opened, check_pixels, cut_out, decoded_for, resized, turned
from mrimage.image.geometry import SCALES, Box, Geometry, geometry_of
from mrimage.image.header.model import Header
from mrimage.image.stages import stages
from mrimage.types import Edits, Limits

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

WHITE = (255, 255, 255)


def thumbnail(opened: Opened, edits: Edits, limits: Limits) -> Pixels:
    """Return the image as uint8 H x W x 3 after the resizing of ``edits``. Raises ImageError."""
    geometry = geometry_of(*opened.displayed, edits)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Picture:
        image = cut_out(resized(opened, geometry, limits), geometry)
        return _in_srgb(image, opened)

    with stages(opened.data, opened.header, decoded, prepared):
        pixels: Pixels = to_array(prepared())
    return pixels


def analysis_picture(opened: Opened, side: int, limits: Limits) -> Pixels:
    """Return the image as uint8 H x W x 3 at a low resolution that is cheap to decode.

    The longer side has at least ``side`` pixels, unless the image is smaller, and seldom more than
    twice that: a JPEG keeps the size of its scaled decode, and any other image is scaled to twice
    ``side``. Raises ImageError.
    """
    header = opened.header
    scale = _analysis_scale(header, side)
    if not _can_scale_decode(header, scale, limits):
        edits = Edits(resize=(2 * side, 2 * side), enlarge=False)
        return thumbnail(opened, edits, limits)
    width = _scaled_length(header.width, scale)
    height = _scaled_length(header.height, scale)
    stored = Geometry(Box(0, 0, header.width, header.height), width, height)
    check_pixels(header, stored, scale, limits)
    pixels: Pixels = jpeg_array(opened.data, header, limits, scale)
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


def _analysis_scale(header: Header, side: int) -> int:
    """The lowest scale, in eighths, at which the longer side has at least ``side`` pixels."""
    longer = max(header.width, header.height)
    for scale in SCALES:
        if _scaled_length(longer, scale) >= side:
            return scale
    return 8


def _can_scale_decode(header: Header, scale: int, limits: Limits) -> bool:
    """Whether the file is a JPEG of RGB or gray whose decode at ``scale`` is within the limits."""
    if header.format != "jpeg" or header.model == "cmyk":
        return False
    return header.pixels * scale * scale <= 64 * limits.max_pixels


def _scaled_length(length: int, scale: int) -> int:
    """``length`` at ``scale`` eighths, rounded up as libjpeg-turbo does."""
    return -(-length * scale // 8)


def _in_srgb(image: Picture, opened: Opened) -> Picture:
    """Convert to 8-bit sRGB, with alpha composited on white."""
    image, _ = converted(image, source_profile(opened.header, opened.facts), "srgb")
    if image.hasalpha():
        image = flattened(image, WHITE, None)
    return eight_bits(image)
