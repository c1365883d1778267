"""Where pixels end up: crop, fit and orientation as numbers, before any pixel is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mrimage.errors import ImageError
from mrimage.image.sizes import relative_size, size_relative_to, sizes_of
from mrimage.types import Crop, Edits, Fit, Size


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """The way from an oriented image to the result.

    Take ``crop``, and scale it to ``width`` x ``height``. Then cut ``cut`` out of that (fit
    ``cover``), or put it in the center of a ``canvas`` (width, height) (fit ``pad``).
    """

    crop: Box
    width: int
    height: int
    cut: Box | None = None
    canvas: tuple[int, int] | None = None

    @property
    def shrink(self) -> float:
        """Pixels of the image for each pixel of the result, along the side that shrinks least."""
        horizontal = self.crop.width / self.width
        vertical = self.crop.height / self.height
        return min(horizontal, vertical)

    @property
    def result(self) -> tuple[int, int]:
        """Width and height of the result."""
        if self.cut is not None:
            return self.cut.width, self.cut.height
        return self.canvas or (self.width, self.height)


def geometry_of(width: int, height: int, edits: Edits) -> Geometry:
    """Return the geometry of ``edits`` on an oriented image of ``width`` x ``height`` pixels.

    Of several sizes to resize to, it is that of ``chosen_size``. A crop that reaches over the image
    ends at its border. Raises ImageError ``unsupported`` if the crop lies outside the image.
    """
    crop = _crop(width, height, edits.crop)
    if edits.resize is None:
        return Geometry(crop, crop.width, crop.height)
    relative = relative_size(edits.resize)
    if relative is not None:
        # The box has the shape of the image, so every fit fills it.
        enlarge = edits.enlarge
        return Geometry(crop, *size_relative_to(crop.width, crop.height, relative, enlarge=enlarge))
    size = nearest_size(crop.width, crop.height, sizes_of(edits.resize))
    return _fitted(crop, *size, edits.fit, edits.enlarge)


def chosen_size(width: int, height: int, edits: Edits) -> Size | None:
    """Return the size of the box that an oriented image of ``width`` x ``height`` pixels is fitted
    to, after the crop; None if ``edits`` have none: they do not resize, or to a size relative to
    the image.

    Raises ImageError ``unsupported`` if the crop lies outside the image.
    """
    if edits.resize is None or relative_size(edits.resize) is not None:
        return None
    crop = _crop(width, height, edits.crop)
    return nearest_size(crop.width, crop.height, sizes_of(edits.resize))


@lru_cache(maxsize=4096)
def nearest_size(width: int, height: int, sizes: tuple[Size, ...]) -> Size:
    """Return the one of ``sizes`` whose shape is nearest to that of an image, all in pixels.

    It is the one that loses the least: the smallest share of the image is cut off by the fit
    ``cover``, and the smallest share of the box stays empty with ``pad`` and ``contain``. These
    shares are the same number, one minus the smaller ratio of the two shapes, which also measures
    the distortion of ``stretch``. Of sizes that lose the same, it is the one with the nearest area,
    and then the first.

    >>> nearest_size(6000, 4000, ((1024, 1024), (1152, 896), (896, 1152)))
    (1152, 896)
    """

    def distance(size: Size) -> tuple[int, int]:
        across = size[0] * height
        down = size[1] * width
        # An exact share: products are below 2**48, so two different shares differ by over 2**-96.
        lost = (abs(across - down) << 96) // max(across, down)
        return lost, abs(size[0] * size[1] - width * height)

    # min() returns the first of equal ones.
    return min(sizes, key=distance)


def _crop(width: int, height: int, crop: Crop | None) -> Box:
    if crop is None:
        return Box(0, 0, width, height)
    crop_width = min(crop.width, width)
    crop_height = min(crop.height, height)
    x = (width - crop_width) // 2 if crop.x is None else crop.x
    y = (height - crop_height) // 2 if crop.y is None else crop.y
    crop_width = min(crop_width, width - x)
    crop_height = min(crop_height, height - y)
    if crop_width <= 0 or crop_height <= 0 or x < 0 or y < 0:
        raise ImageError(
            "unsupported",
            f"The crop begins at {x},{y}, which is outside the image of {width}x{height}.",
        )
    return Box(x, y, crop_width, crop_height)


def _fitted(crop: Box, width: int, height: int, fit: Fit, enlarge: bool) -> Geometry:
    if fit == "stretch":
        if not enlarge:
            width = min(width, crop.width)
            height = min(height, crop.height)
        return Geometry(crop, width, height)
    factor = _scale_factor(crop, width, height, fit, enlarge)
    scaled_width = max(1, round(crop.width * factor))
    scaled_height = max(1, round(crop.height * factor))
    # Rounding may have gone one pixel over the box.
    inner_width = min(scaled_width, width)
    inner_height = min(scaled_height, height)
    if fit == "cover":
        cut = _centered_cut(scaled_width, scaled_height, inner_width, inner_height)
        return Geometry(crop, scaled_width, scaled_height, cut)
    if fit == "pad":
        return Geometry(crop, inner_width, inner_height, canvas=(width, height))
    return Geometry(crop, inner_width, inner_height)


def _scale_factor(crop: Box, width: int, height: int, fit: Fit, enlarge: bool) -> float:
    horizontal = width / crop.width
    vertical = height / crop.height
    factor = max(horizontal, vertical) if fit == "cover" else min(horizontal, vertical)
    return factor if enlarge else min(factor, 1.0)


def _centered_cut(width: int, height: int, cut_width: int, cut_height: int) -> Box | None:
    """The middle of a scaled picture of ``width`` x ``height``; None for all of it."""
    if (cut_width, cut_height) == (width, height):
        return None
    return Box((width - cut_width) // 2, (height - cut_height) // 2, cut_width, cut_height)


def as_stored(geometry: Geometry, orientation: int, width: int, height: int) -> Geometry:
    """Return the crop and the scale of ``geometry`` in the frame that the file stores.

    ``width`` and ``height`` are those of the stored frame, ``orientation`` is EXIF's, 1..8.
    Cropping and scaling before turning means that only the small result is turned. ``cut`` and
    ``canvas`` apply after the turn, so the returned geometry has neither.
    """
    mirrored_x, mirrored_y, is_swapped = _FLIPS[orientation]
    box = geometry.crop
    scaled_width = geometry.width
    scaled_height = geometry.height
    if is_swapped:
        box = Box(box.y, box.x, box.height, box.width)
        scaled_width = geometry.height
        scaled_height = geometry.width
    x = width - box.x - box.width if mirrored_x else box.x
    y = height - box.y - box.height if mirrored_y else box.y
    return Geometry(Box(x, y, box.width, box.height), scaled_width, scaled_height)


_FLIPS = {
    1: (False, False, False),
    2: (True, False, False),
    3: (True, True, False),
    4: (False, True, False),
    5: (False, False, True),
    6: (False, True, True),
    7: (True, True, True),
    8: (True, False, True),
}
"""For each EXIF orientation: whether display mirrors the stored frame along x and along y, and
whether it swaps its sides."""


SHRINKS = (8, 4, 2, 1)
"""Decode a JPEG at 1/8, 1/4, 1/2 or 1 of its size.

libjpeg-turbo has vector code for these scales only: 5/8, 6/8 and 7/8 take 1.3 to 2.5 times as long
as the whole image, and 3/8 takes as long as 1/2, which keeps more detail."""

MARGIN = 2.0
"""Pixels of the scaled decode for each pixel of the result. With fewer, the softness and the
aliasing of the DCT would show."""


def jpeg_shrink(geometry: Geometry) -> int:
    """Return the shrink at which to decode a JPEG for ``geometry``: at 1/shrink of its size.

    It is the largest one that leaves ``MARGIN`` pixels for each pixel of the result along both
    sides, and at which the crop begins on a whole pixel.
    """
    box = geometry.crop
    for shrink in SHRINKS[:-1]:
        is_enough = geometry.shrink >= MARGIN * shrink
        begins_on_pixel = box.x % shrink == 0 and box.y % shrink == 0
        if is_enough and begins_on_pixel:
            return shrink
    return 1
