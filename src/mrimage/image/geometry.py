"""Which pixels end up where: crop, fit and orientation as numbers, before any pixel is read."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.types import Crop, Edits, Fit


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """The way from an oriented image to the result: take ``crop``, scale it to ``width`` x ``height``, then cut
    ``cut`` out of that (fit ``cover``), or lay it into the middle of ``canvas`` (fit ``pad``)."""

    crop: Box
    width: int
    height: int
    cut: Box | None = None
    canvas: tuple[int, int] | None = None

    @property
    def shrink(self) -> float:
        """How many pixels of the image make one of the result, along the side that shrinks least."""
        return min(self.crop.width / self.width, self.crop.height / self.height)

    @property
    def result(self) -> tuple[int, int]:
        if self.cut is not None:
            return self.cut.width, self.cut.height
        return self.canvas or (self.width, self.height)


def geometry_of(width: int, height: int, edits: Edits) -> Geometry:
    """The geometry of ``edits`` on an oriented image of that size.

    Raises ImageError ``unsupported`` when the crop lies outside the image. A crop larger than the image is cut to it.
    """
    crop = _crop(width, height, edits.crop)
    if edits.resize is None:
        return Geometry(crop, crop.width, crop.height)
    return _fitted(crop, *edits.resize, edits.fit, edits.enlarge)


def _crop(width: int, height: int, crop: Crop | None) -> Box:
    if crop is None:
        return Box(0, 0, width, height)
    wide, high = min(crop.width, width), min(crop.height, height)
    x = (width - wide) // 2 if crop.x is None else crop.x
    y = (height - high) // 2 if crop.y is None else crop.y
    wide, high = min(wide, width - x), min(high, height - y)
    if wide <= 0 or high <= 0 or x < 0 or y < 0:
        raise ImageError(
            "unsupported",
            f"Expected a crop inside the image of {width}x{height}, but it begins at {x},{y}.",
        )
    return Box(x, y, wide, high)


def _fitted(crop: Box, width: int, height: int, fit: Fit, enlarge: bool) -> Geometry:
    if fit == "stretch":
        wide, high = (
            (width, height) if enlarge else (min(width, crop.width), min(height, crop.height))
        )
        return Geometry(crop, wide, high)
    across, down = width / crop.width, height / crop.height
    factor = max(across, down) if fit == "cover" else min(across, down)
    if not enlarge:
        factor = min(factor, 1.0)
    wide, high = (max(1, round(side * factor)) for side in (crop.width, crop.height))
    if fit == "cover":
        across_cut, down_cut = min(wide, width), min(high, height)
        box = Box((wide - across_cut) // 2, (high - down_cut) // 2, across_cut, down_cut)
        return Geometry(crop, wide, high, None if (across_cut, down_cut) == (wide, high) else box)
    if fit == "pad":
        return Geometry(crop, min(wide, width), min(high, height), canvas=(width, height))
    return Geometry(crop, min(wide, width), min(high, height))


def as_stored(geometry: Geometry, orientation: int, width: int, height: int) -> Geometry:
    """The crop and scale of ``geometry`` in the frame that the file stores, ``width`` x ``height``: so that only the
    small result has to be turned. ``cut`` and ``canvas`` stay for after the turn."""
    box = geometry.crop
    mirrored_x, mirrored_y, swapped = _FLIPS[orientation]
    wide, high = (box.height, box.width) if swapped else (box.width, box.height)
    x, y = (box.y, box.x) if swapped else (box.x, box.y)
    if mirrored_x:
        x = width - x - wide
    if mirrored_y:
        y = height - y - high
    size = (geometry.height, geometry.width) if swapped else (geometry.width, geometry.height)
    return Geometry(Box(x, y, wide, high), *size)


# Orientation: is the stored frame mirrored along x, along y, and are its sides swapped, once it is displayed?
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


SHRINKS = (8, 4, 2, 1)
"""Decode a JPEG at 1/8, 1/4, 1/2 or 1 of its size. libjpeg-turbo has vector code for these scales only: 5/8, 6/8 and 7/8
take 1.3 to 2.5 times as long as the whole image, and 3/8 takes as long as 1/2, which keeps more detail."""

MARGIN = 2.0
"""Pixels of the scaled decode for one of the result: with fewer, the DCT's own softness and aliasing would show."""


def jpeg_shrink(geometry: Geometry) -> int:
    """The largest of ``SHRINKS`` at which a decode has ``MARGIN`` pixels or more for one of the result along both sides.

    A crop must begin on a whole pixel of the scaled decode; if it does not, the next smaller shrink is used.
    """
    box = geometry.crop
    for shrink in SHRINKS[:-1]:
        enough = geometry.shrink >= MARGIN * shrink
        if enough and box.x % shrink == 0 and box.y % shrink == 0:
            return shrink
    return 1
