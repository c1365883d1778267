"""A small sRGB picture of an image, for features, contact sheets and the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrimage.image.color.canvas import eight_bits, flattened
from mrimage.image.color.conversion import converted, is_srgb, source_profile
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.jpeg import jpeg_array
from mrimage.image.edit import Opened, cut_out, decoded_for, guard, resized, turned
from mrimage.image.geometry import EIGHTHS, Box, Geometry, geometry_of
from mrimage.image.stages import stages
from mrimage.types import Edits, Limits

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

WHITE = (255, 255, 255)


def thumbnail(opened: Opened, edits: Edits, limits: Limits) -> Pixels:
    """uint8 H x W x 3 after the resizing of ``edits``. Raises ImageError."""
    geometry = geometry_of(*opened.displayed, edits)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Picture:
        return _in_srgb(cut_out(resized(opened, geometry, limits), geometry), opened)

    with stages(opened.data, opened.header, decoded, prepared):
        pixels: Pixels = to_array(prepared())
    return pixels


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
    pixels: Pixels = jpeg_array(opened.data, header, limits, eighths)
    if (
        header.model == "rgb"
        and opened.orientation == 1
        and is_srgb(source_profile(header, opened.facts))
    ):
        return pixels

    def decoded() -> Picture:
        return from_array(pixels)

    def prepared() -> Picture:
        return _in_srgb(turned(from_array(pixels), opened.orientation), opened)

    with stages(opened.data, header, decoded, prepared):
        shown: Pixels = to_array(prepared())
    return shown


def _in_srgb(image: Picture, opened: Opened) -> Picture:
    """8-bit sRGB, without alpha: on white."""
    image, _ = converted(image, source_profile(opened.header, opened.facts), "srgb")
    if image.hasalpha():
        image = flattened(image, WHITE, None)
    return eight_bits(image)
