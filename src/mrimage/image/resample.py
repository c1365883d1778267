"""Resizing: Lanczos of three lobes over all pixels, or over averages of a few where there are very many for one.

In the encoded values, with alpha multiplied in before and divided out after, so that invisible colors do not bleed.
"""

from __future__ import annotations

from mrimage.image.decode.decode import Picture, from_array, to_array
from mrimage.image.decode.vips import vips

GAP = 3.0
"""Pixels that are left for one of the result where averages are taken first. libvips' default of 2 costs as much and
comes less close to Lanczos over all pixels (mean SSIM 0.9976 in place of 0.9990 at 4 to 1)."""

GAP_OF_BYTES = 12.0
"""The same for 8-bit samples, for which libvips' Lanczos is vectorised and costs no more than averages would."""

MUCH = 6.0
"""Pixels of which one of the result is made, each way, from which bytes go through Pillow: libvips' Lanczos of bytes cuts its
weights to 12 bits, which would take more than half a level off a white surface. Here is no error, the mean SSIM is as
high, and 3 megapixels take 9 ms in place of 3, beside the 37 that it takes to decode them from a PNG."""

UNEVEN = 0.02
LARGE = 1 << 17
"""How far the two factors are apart, and pixels of a result, from which bytes go through Pillow too: in stretched pictures the
other way is not always as close to Lanczos as others are, and beside the encoding of a large one the time does not count."""

HELD = 1 << 24
"""Pixels that are held at once for that."""

MANY = 1 << 25
"""Pixels from which memory counts."""

_UNIT = 4096
"""Whole numbers of 12 bits are what libvips takes for the weights of 8-bit samples."""


def resampled(image: Picture, horizontal: float, vertical: float) -> Picture:
    """``image`` scaled by two factors, of the same format."""
    alpha, kind = image.hasalpha(), image.format
    if alpha:
        image = image.premultiply()
    image = (_bytes if image.format == "uchar" else _floats)(image, horizontal, vertical)
    if alpha:
        image = image.unpremultiply()
    if image.format != kind:
        image = (image.rint() if kind in ("uchar", "short", "ushort") else image).cast(kind)
    return image


def _floats(image: Picture, horizontal: float, vertical: float) -> Picture:
    image = image.cast("float")
    if image.width * image.height > MANY and max(horizontal, vertical) * 2 * GAP <= 1:
        image, horizontal, vertical = _averaged(image, horizontal, vertical, GAP)
    return image.resize(horizontal, vscale=vertical, kernel="lanczos3", gap=GAP)


def _bytes(image: Picture, horizontal: float, vertical: float) -> Picture:
    if image.width * image.height <= HELD and _wants_pillow(image, horizontal, vertical):
        return _by_pillow(image, horizontal, vertical)
    if min(horizontal, vertical) * 2 * GAP_OF_BYTES <= 1:
        image, horizontal, vertical = _averaged(image, horizontal, vertical, GAP_OF_BYTES)
        image = image.rint().cast("uchar")
    image = image.resize(horizontal, vscale=vertical, kernel="lanczos3", gap=0.0)
    return _lightened(image, 1 / horizontal + 1 / vertical)


def _wants_pillow(image: Picture, horizontal: float, vertical: float) -> bool:
    """Only what is made smaller; see MUCH and LARGE."""
    if max(horizontal, vertical) > 1:
        return False
    if max(horizontal, vertical) * MUCH <= 1:
        return True
    uneven = abs(horizontal - vertical) > UNEVEN * max(horizontal, vertical)
    return bool(uneven and image.width * horizontal * image.height * vertical > LARGE)


def _by_pillow(image: Picture, horizontal: float, vertical: float) -> Picture:
    """Averages and Lanczos with weights of 22 bits. The four bands of CMYK are scaled one by one: Pillow would take the last
    for alpha, with which no bytes come here, for it makes floating-point numbers of them."""
    import numpy as np
    from PIL import Image

    across, down = max(1, round(image.width * horizontal)), max(1, round(image.height * vertical))
    box = 0, 0, min(image.width, across / horizontal), min(image.height, down / vertical)
    array = to_array(image)
    bands = [array] if image.bands in (1, 3) else np.moveaxis(array, -1, 0)
    done = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(band)).resize(
                (across, down), Image.Resampling.LANCZOS, box=box, reducing_gap=GAP
            )
        )
        for band in bands
    ]
    result = from_array(
        np.ascontiguousarray(done[0] if len(done) == 1 else np.stack(done, axis=-1))
    )
    return result.copy(interpretation=image.interpretation)


def _averaged(
    image: Picture, horizontal: float, vertical: float, gap: float
) -> tuple[Picture, float, float]:
    """The averaging that ``resize`` would do itself, but in floating point, for libvips rounds averages of bytes to one
    side, up to half a level; across before down, and into memory: so that a few lines of a wide stream are held, and not
    hundreds (115 MB in place of 490 for 623 megapixels with alpha)."""
    wide, high = (max(1, int(1 / (scale * gap))) for scale in (horizontal, vertical))
    image = image.cast("float").shrinkh(wide).shrinkv(high).copy_memory()
    return image, horizontal * wide, vertical * high


def _lightened(image: Picture, shrink: float) -> Picture:
    """What the weights have lost given back. They are cut to whole numbers and not rounded, and as there are more
    weights above zero than below, the sum of each pass is short by as many units as pixels become one: without this, at
    20 to 1, white were 253. Below 16 in all it is less than half a level in each pass, and rounded away."""
    if shrink < 16:
        return image
    return image.maplut(vips().Image.identity().linear(1 + shrink / _UNIT, 0).rint().cast("uchar"))
