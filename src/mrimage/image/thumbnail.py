"""A small sRGB picture of an image, for features, contact sheets and the report."""

from __future__ import annotations

from typing import Any

from mrimage.image.colour import converted, source_profile
from mrimage.image.decode import complaints, to_array
from mrimage.image.edit import Opened, eight_bits, flattened, resized
from mrimage.image.geometry import geometry_of
from mrimage.types import Edits, Limits

WHITE = (255, 255, 255)


def thumbnail(opened: Opened, edits: Edits, limits: Limits) -> Any:
    """uint8 H x W x 3 after the resizing of ``edits``. Raises ImageError."""
    geometry = geometry_of(*opened.displayed, edits)
    with complaints(opened.data, opened.header):
        image = resized(opened, geometry, limits)
        if geometry.cut is not None:
            image = image.crop(geometry.cut.x, geometry.cut.y, geometry.cut.width, geometry.cut.height)
        image, _ = converted(image, source_profile(opened.header, opened.shot), "srgb")
        if image.hasalpha():
            image = flattened(image, WHITE)
        return to_array(eight_bits(image))
