"""The background behind and around an image, in the color space of its pixels."""

from __future__ import annotations

from mrimage.image.color.conversion import built_in, colors_of, icc_transformed, is_srgb, standard
from mrimage.image.decode.arrays import Picture, from_array

Color = tuple[int, int, int]
"""Red, green and blue of sRGB, each 0..255."""


def padded(
    image: Picture, canvas: tuple[int, int], background: Color, profile: bytes | None
) -> Picture:
    """``image`` in the middle of ``canvas`` (width, height), which is filled with ``background``.

    The canvas is opaque. ``profile`` is the profile of the image.
    """
    if canvas == (image.width, image.height):
        return image
    image = standard(image)
    fill = _in_bands(image, background, profile)
    if image.hasalpha():
        fill.append(_white(image))
    return image.gravity("centre", *canvas, extend="background", background=fill)


def flattened(image: Picture, background: Color, profile: bytes | None) -> Picture:
    """``image`` composited on ``background``, without alpha."""
    fill = _in_bands(image, background, profile)
    return image.flatten(background=fill, max_alpha=_white(image))


def eight_bits(image: Picture) -> Picture:
    """``image`` with 8 bits a sample, rounded from 16 bits rather than cut."""
    image = standard(image)
    if image.format != "ushort":
        return image
    interpretation = "b-w" if image.bands < 3 else "srgb"
    # 257 = 65,535 / 255
    return (image / 257).rint().cast("uchar").copy(interpretation=interpretation)


def _white(image: Picture) -> float:
    """The largest value of a sample, which is also that of opaque alpha."""
    return 65_535.0 if image.format == "ushort" else 255.0


def _in_bands(image: Picture, background: Color, profile: bytes | None) -> list[float]:
    """``background`` as values of the bands of ``image``, without alpha.

    For gray it is the luma of Rec. ITU-R BT.601; for other color spaces it goes through
    ``profile``.
    """
    import numpy as np

    factor = _white(image) / 255
    if colors_of(image) == 1:
        red, green, blue = background
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        return [luma * factor]
    if profile is None or is_srgb(profile):
        return [value * factor for value in background]
    one_pixel = from_array(np.array([[background]], dtype=np.uint8))
    converted_pixel = icc_transformed(one_pixel, built_in("srgb"), profile)
    return [value * factor for value in converted_pixel(0, 0)]
