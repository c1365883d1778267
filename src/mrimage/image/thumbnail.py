"""A small sRGB picture of an image, for features, contact sheets and the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrimage.image.canvas import eight_bits, flattened
from mrimage.image.color.conversion import converted, is_srgb, source_profile
from mrimage.image.decode.decode import Picture, complaints, from_array, jpeg_array, to_array
from mrimage.image.edit import Opened, guard, resized, turned
from mrimage.image.geometry import EIGHTHS, Box, Geometry, geometry_of
from mrimage.types import Edits, Limits

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

WHITE = (255, 255, 255)


def thumbnail(opened: Opened, edits: Edits, limits: Limits) -> Pixels:
    """uint8 H x W x 3 after the resizing of ``edits``. Raises ImageError."""
    geometry = geometry_of(*opened.displayed, edits)
    with complaints(opened.data, opened.header):
        image = resized(opened, geometry, limits)
        if geometry.cut is not None:
            image = image.crop(
                geometry.cut.x, geometry.cut.y, geometry.cut.width, geometry.cut.height
            )
        return _srgb_array(image, opened)


def analysis_picture(opened: Opened, side: int, limits: Limits) -> Pixels:
    """uint8 H x W x 3 whose longer side has at least ``side`` pixels, where the image has them, and seldom more than
    twice that: a JPEG as its scaled decode leaves it, anything else scaled to twice ``side``. Raises ImageError."""
    header = opened.header
    longer = max(header.width, header.height)
    eighths = next((m for m in EIGHTHS if -(-longer * m // 8) >= side), 8)
    if (
        header.format != "jpeg"
        or header.model == "cmyk"
        or header.pixels * eighths * eighths > 64 * limits.max_pixels
    ):
        return thumbnail(opened, Edits(resize=(2 * side, 2 * side), enlarge=False), limits)
    wide, high = (-(-length * eighths // 8) for length in (header.width, header.height))
    stored = Geometry(Box(0, 0, header.width, header.height), wide, high)
    guard(header, stored, eighths, limits)
    with complaints(opened.data, header):
        pixels: Pixels = jpeg_array(opened.data, header, limits, eighths)
        if (
            header.model == "rgb"
            and opened.orientation == 1
            and is_srgb(source_profile(header, opened.shot))
        ):
            return pixels
        return _srgb_array(turned(from_array(pixels), opened.orientation), opened)


def _srgb_array(image: Picture, opened: Opened) -> Pixels:
    image, _ = converted(image, source_profile(opened.header, opened.shot), "srgb")
    if image.hasalpha():
        image = flattened(image, WHITE, None)
    pixels: Pixels = to_array(eight_bits(image))
    return pixels
