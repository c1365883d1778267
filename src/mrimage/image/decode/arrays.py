"""A decoded picture: a libvips image, and the numpy arrays that it is made from and turned into."""

from __future__ import annotations

from typing import Any

from mrimage.image.decode.vips import vips

Array = Any
"""A numpy array; loosely typed, so that numpy is not loaded to read this module."""

Picture = Any
"""A pyvips.Image: 1 to 4 color bands and perhaps alpha, of uchar, ushort or float."""

COLORS = {"gray": 1, "rgb": 3, "palette": 3, "cmyk": 4, "ycbcr": 3, "lab": 3}
"""Bands of a decoded picture of each model, without alpha."""


def from_array(array: Array) -> Picture:
    """A libvips image over a numpy array H x W [x bands] of uint8, uint16 or float32, without a copy."""
    height, width = array.shape[:2]
    bands = array.shape[2] if array.ndim == 3 else 1
    formats = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
    image = vips().Image.new_from_memory(
        array.data, width, height, bands, formats[array.dtype.name]
    )
    return image.copy(
        interpretation=interpretation_of(bands, sixteen_bits=array.dtype.itemsize == 2)
    )


def to_array(image: Picture) -> Array:
    """The pixels of a libvips image as a numpy array H x W x bands, or H x W for one band."""
    import numpy as np

    types = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
    shape = (
        (image.height, image.width, image.bands) if image.bands > 1 else (image.height, image.width)
    )
    return np.frombuffer(image.write_to_memory(), dtype=types[image.format]).reshape(shape)


def straight(image: Picture) -> Picture:
    """``image`` with its associated alpha divided out of its colors. Depth and interpretation stay."""
    divided = image.unpremultiply()
    if image.format in ("uchar", "ushort"):
        divided = divided.rint()
    return divided.cast(image.format).copy(interpretation=image.interpretation)


def interpretation_of(bands: int, *, sixteen_bits: bool) -> str:
    """libvips' name for gray (with alpha: 2 bands) or RGB of 8 bits, or of 16 where ``sixteen_bits``."""
    if bands < 3:
        return "grey16" if sixteen_bits else "b-w"
    return "rgb16" if sixteen_bits else "srgb"
