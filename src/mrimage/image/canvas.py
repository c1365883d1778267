"""What lies behind an image and around it: the background, in whatever space the pixels are."""

from __future__ import annotations

from mrimage.image.color.conversion import built_in, colours, is_srgb, standard, through
from mrimage.image.decode.decode import Picture, from_array

Colour = tuple[int, int, int]
"""sRGB, 0..255."""


def padded(
    image: Picture, canvas: tuple[int, int], background: Colour, profile: bytes | None
) -> Picture:
    """``image`` in the middle of ``canvas`` (width, height), which is opaque ``background``."""
    if canvas == (image.width, image.height):
        return image
    image = standard(image)
    fill = [*_in_bands(image, background, profile), *([_white(image)] if image.hasalpha() else [])]
    return image.gravity("centre", *canvas, extend="background", background=fill)


def flattened(image: Picture, background: Colour, profile: bytes | None) -> Picture:
    """``image`` composited on ``background``, without alpha."""
    return image.flatten(background=_in_bands(image, background, profile), max_alpha=_white(image))


def eight_bits(image: Picture) -> Picture:
    """8 bits a band, by rounding and not by dropping the low byte."""
    image = standard(image)
    if image.format == "ushort":
        space = "b-w" if image.bands < 3 else "srgb"
        return (image / 257).rint().cast("uchar").copy(interpretation=space)
    return image


def _white(image: Picture) -> float:
    return 65_535.0 if image.format == "ushort" else 255.0


def _in_bands(image: Picture, background: Colour, profile: bytes | None) -> list[float]:
    """``background`` in the bands of ``image``: gray is its luma, other spaces go through ``profile``."""
    import numpy as np

    factor = _white(image) / 255
    if colours(image) == 1:
        red, green, blue = background
        return [(0.299 * red + 0.587 * green + 0.114 * blue) * factor]
    if profile is None or is_srgb(profile):
        return [value * factor for value in background]
    pixel = through(from_array(np.array([[background]], dtype=np.uint8)), built_in("srgb"), profile)
    return [value * factor for value in pixel(0, 0)]
