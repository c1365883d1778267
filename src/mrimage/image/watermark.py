"""A picture that is laid over a corner of every result."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mrimage.image.color.conversion import built_in, colors_of, icc_transformed, is_srgb
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.resample import resampled
from mrimage.types import CORNERS, Edits

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN = 0.02
"""Distance from both borders, as a share of the shorter side of the result."""

LONGEST = 2048
"""Longest side in pixels of the picture that a job keeps. A larger file is scaled down once, when a
run begins, because every task gets the picture."""

_CACHED = 16
"""Scaled copies that a process keeps: most images of a source have one of a few sizes."""


def watermarked(image: Picture, png: bytes, edits: Edits, profile: bytes | None) -> Picture:
    """Lay the picture of ``png``, 8-bit sRGB with alpha, over a corner of ``image``, RGB or gray.

    It is as large as fits into ``edits.watermark_share`` of both sides of the image. ``profile`` is
    that of the image, to which the colors of the picture are converted. Where the image is
    transparent, the picture shows over nothing: the alphas are composited too (Porter and Duff
    1984, "over", with straight alpha).
    """
    overlay = _scaled(png, *_box(image.width, image.height, edits.watermark_share))
    height, width = overlay.shape[:2]
    x, y = _place(image, width, height, edits.watermark_corner)
    # Read twice: the corner, and all of it.
    image = image.copy_memory()
    corner = to_array(image.crop(x, y, width, height)).reshape(height, width, -1)
    colors = _in_colors_of(image, overlay, profile)
    mixed = _over(colors, overlay[..., 3:] / 255.0, corner, has_alpha=image.hasalpha())
    patch = from_array(mixed).copy(interpretation=image.interpretation)
    return image.insert(patch, x, y)


def _box(width: int, height: int, share: float) -> tuple[int, int]:
    """Width and height in pixels that the picture may have."""
    return max(1, round(width * share)), max(1, round(height * share))


def _place(image: Picture, width: int, height: int, corner: str) -> tuple[int, int]:
    """The upper left pixel of a picture of ``width`` x ``height`` in the corner of this name."""
    margin = round(min(image.width, image.height) * MARGIN)
    across, down = CORNERS[corner]
    return (
        _along(image.width - width, margin, across),
        _along(image.height - height, margin, down),
    )


def _along(room: int, margin: int, side: float) -> int:
    """Where the picture begins in ``room``, the pixels that it leaves free: behind the margin at
    ``side`` 0, before it at 1, in the middle at 0.5."""
    margin = min(margin, room // 2)
    return margin + round((room - 2 * margin) * side)


@lru_cache(maxsize=_CACHED)
def _scaled(png: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """The picture as large as fits into ``width`` x ``height``: uint8 H x W x 4."""
    from mrimage.image.decode.vips import vips

    picture = vips().Image.pngload_buffer(png)
    factor = min(width / picture.width, height / picture.height)
    made_width = max(1, round(picture.width * factor))
    made_height = max(1, round(picture.height * factor))
    scaled = resampled(picture, made_width / picture.width, made_height / picture.height)
    scaled = scaled.gravity("north-west", made_width, made_height, extend="copy")
    pixels: NDArray[np.uint8] = to_array(scaled)
    return pixels


def _in_colors_of(
    image: Picture, overlay: NDArray[np.uint8], profile: bytes | None
) -> NDArray[Any]:
    """The colors of ``overlay`` as values of the image's color bands, H x W x bands of float."""
    picture = from_array(np.ascontiguousarray(overlay[..., :3]))
    if colors_of(image) == 1:
        picture = picture.colourspace("b-w")
        if profile is not None:
            # A gray profile has another curve than sRGB's.
            picture = icc_transformed(picture.colourspace("srgb"), built_in("srgb"), profile)
    elif profile is not None and not is_srgb(profile):
        picture = icc_transformed(picture, built_in("srgb"), profile)
    colors: NDArray[Any] = to_array(picture).reshape(*overlay.shape[:2], -1).astype(np.float64)
    return np.multiply(colors, 257) if image.format == "ushort" else colors


def _over(
    colors: NDArray[Any], alpha: NDArray[Any], below: NDArray[Any], *, has_alpha: bool
) -> NDArray[Any]:
    """``colors`` with ``alpha`` (0 to 1) over ``below``, whose last band is alpha if it has one."""
    if not has_alpha:
        return _rounded(colors * alpha + below * (1 - alpha), below)
    white = np.iinfo(below.dtype).max
    below_alpha = below[..., -1:] / white
    left = below_alpha * (1 - alpha)
    united = alpha + left
    weighted = colors * alpha + below[..., :-1] * left
    mixed = np.divide(weighted, united, out=np.zeros_like(weighted), where=united > 0)
    return _rounded(np.concatenate([mixed, united * white], axis=-1), below)


def _rounded(values: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.rint(values).astype(like.dtype))
