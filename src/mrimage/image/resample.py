"""Resizing with Lanczos of three lobes.

Lanczos reads all pixels, or averages of a few where a result pixel covers very many. It works on
the encoded values. Alpha is multiplied into the colors before and divided out after, so that
invisible colors do not bleed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.vips import vips

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GAP = 3.0
"""Averages that Lanczos reads for each result pixel, each way.

libvips' default of 2 takes as long, and comes less close to Lanczos over all pixels: a mean SSIM
of 0.9976 instead of 0.9990 at 4 to 1."""

GAP_OF_BYTES = 12.0
"""The same for 8-bit samples. libvips has vector code for Lanczos of bytes, so that more of it
costs no more than averaging."""

STRONG_SHRINK = 6.0
"""Pixels for each result pixel, each way, from which bytes are resized by Pillow.

libvips cuts its Lanczos weights of bytes to 12 bits, which would take more than half a level off a
white surface. Pillow has no such error and as high a mean SSIM. 3 megapixels take 9 ms instead of
3; decoding them from a PNG takes 37."""

UNEVEN = 0.02
"""Relative difference between the two factors from which a resize counts as a stretch."""

LARGE_RESULT = 1 << 17
"""Pixels of a stretched result from which bytes are resized by Pillow too.

libvips is not always as close to Lanczos when it stretches. Encoding a large result takes so long
that Pillow's time does not count."""

PILLOW_LIMIT = 1 << 24
"""Largest image that is given to Pillow, in pixels. Pillow needs all of it in memory."""

LARGE_IMAGE = 1 << 25
"""Pixels from which saving memory counts."""

_WEIGHT_UNIT = 4096
"""libvips' weights of 8-bit samples are whole numbers of 12 bits."""


def resampled(image: Picture, horizontal: float, vertical: float) -> Picture:
    """Scale ``image`` by two factors. The sample format stays the same."""
    has_alpha = image.hasalpha()
    sample_format = image.format
    if has_alpha:
        # The result is floating-point.
        image = image.premultiply()
    if image.format == "uchar":
        image = _bytes(image, horizontal, vertical)
    else:
        image = _floats(image, horizontal, vertical)
    if has_alpha:
        image = image.unpremultiply()
    if image.format == sample_format:
        return image
    if sample_format in ("uchar", "short", "ushort"):
        image = image.rint()
    return image.cast(sample_format)


def _floats(image: Picture, horizontal: float, vertical: float) -> Picture:
    image = image.cast("float")
    is_large = image.width * image.height > LARGE_IMAGE
    if is_large and max(horizontal, vertical) * 2 * GAP <= 1:
        image, horizontal, vertical = _averaged(image, horizontal, vertical, GAP)
    return image.resize(horizontal, vscale=vertical, kernel="lanczos3", gap=GAP)


def _bytes(image: Picture, horizontal: float, vertical: float) -> Picture:
    fits_pillow = image.width * image.height <= PILLOW_LIMIT
    if fits_pillow and _needs_pillow(image, horizontal, vertical):
        return _by_pillow(image, horizontal, vertical)
    if min(horizontal, vertical) * 2 * GAP_OF_BYTES <= 1:
        image, horizontal, vertical = _averaged(image, horizontal, vertical, GAP_OF_BYTES)
        image = image.rint().cast("uchar")
    image = image.resize(horizontal, vscale=vertical, kernel="lanczos3", gap=0.0)
    return _lightened(image, 1 / horizontal + 1 / vertical)


def _needs_pillow(image: Picture, horizontal: float, vertical: float) -> bool:
    """Whether libvips' Lanczos is too inexact: see STRONG_SHRINK and LARGE_RESULT."""
    larger = max(horizontal, vertical)
    if larger > 1:
        return False
    if larger * STRONG_SHRINK <= 1:
        return True
    is_uneven = abs(horizontal - vertical) > UNEVEN * larger
    result = image.width * horizontal * image.height * vertical
    return bool(is_uneven and result > LARGE_RESULT)


def _by_pillow(image: Picture, horizontal: float, vertical: float) -> Picture:
    """Averages and then Lanczos with weights of 22 bits. ``image`` has bytes and no alpha."""
    import numpy as np

    width = max(1, round(image.width * horizontal))
    height = max(1, round(image.height * vertical))
    right = min(image.width, width / horizontal)
    bottom = min(image.height, height / vertical)
    box = (0, 0, right, bottom)
    array = to_array(image)
    if image.bands in (1, 3):
        result = _resized_by_pillow(array, width, height, box)
    else:
        # Band by band: Pillow would take the fourth band of CMYK for alpha.
        bands = np.moveaxis(array, -1, 0)
        resized = [_resized_by_pillow(band, width, height, box) for band in bands]
        result = np.stack(resized, axis=-1)
    picture = from_array(np.ascontiguousarray(result))
    return picture.copy(interpretation=image.interpretation)


def _resized_by_pillow(
    array: NDArray[np.uint8], width: int, height: int, box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(array))
    resized = picture.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=GAP)
    return np.asarray(resized)


def _averaged(
    image: Picture, horizontal: float, vertical: float, gap: float
) -> tuple[Picture, float, float]:
    """Average blocks of pixels; return the picture and the factors that are left for Lanczos.

    ``resize`` would average too, but libvips rounds averages of bytes to one side, by up to half a
    level. These are floating-point.
    """
    block_width = max(1, int(1 / (horizontal * gap)))
    block_height = max(1, int(1 / (vertical * gap)))
    # Across before down, and into memory: a wide stream then needs a few lines at once instead of
    # hundreds (115 MB instead of 490 MB for 623 megapixels with alpha).
    image = image.cast("float").shrinkh(block_width).shrinkv(block_height).copy_memory()
    return image, horizontal * block_width, vertical * block_height


def _lightened(image: Picture, shrink: float) -> Picture:
    """Give back the light that libvips' weights lose; ``shrink`` is the sum of both factors.

    libvips cuts the weights to whole numbers instead of rounding them. More weights are above zero
    than below, so the sum of each pass falls short by as many units as pixels become one. At 20 to
    1, white would be 253.
    """
    # Below 16, less than half a level is lost in each pass, and rounding hides it.
    if shrink < 16:
        return image
    table = vips().Image.identity().linear(1 + shrink / _WEIGHT_UNIT, 0)
    return image.maplut(table.rint().cast("uchar"))
