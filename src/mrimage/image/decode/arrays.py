"""Decoded pictures are libvips images, made from numpy arrays and turned into them."""

from __future__ import annotations

from typing import Any

from mrimage.image.decode.vips import vips

Array = Any
"""A numpy array. The type is loose so that this module does not load numpy."""

Picture = Any
"""A pyvips.Image of uchar, ushort or float: 1 to 4 color bands, then perhaps alpha."""

COLORS = {"gray": 1, "rgb": 3, "palette": 3, "cmyk": 4, "ycbcr": 3, "lab": 3}
"""The number of bands of a decoded picture of each color model, without alpha."""

_VIPS_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
"""libvips' name of each numpy type."""


def from_array(array: Array) -> Picture:
    """A libvips image of a numpy array, H x W [x bands] of uint8, uint16 or float32.

    Does not copy: the image reads the memory of the array.
    """
    height, width = array.shape[:2]
    bands = array.shape[2] if array.ndim == 3 else 1
    format = _VIPS_FORMATS[array.dtype.name]
    image = vips().Image.new_from_memory(array.data, width, height, bands, format)
    interpretation = interpretation_of(bands, sixteen_bits=format == "ushort")
    return image.copy(interpretation=interpretation)


def to_array(image: Picture) -> Array:
    """The pixels of a libvips image as a numpy array, H x W x bands; H x W if there is one band."""
    import numpy as np

    types = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
    values = np.frombuffer(image.write_to_memory(), dtype=types[image.format])
    if image.bands == 1:
        return values.reshape(image.height, image.width)
    return values.reshape(image.height, image.width, image.bands)


def straight(image: Picture) -> Picture:
    """``image`` with straight alpha: divide the colors by the alpha they were multiplied by.

    The sample type and the interpretation stay the same.
    """
    divided = image.unpremultiply()
    if image.format in ("uchar", "ushort"):
        divided = divided.rint()
    return divided.cast(image.format).copy(interpretation=image.interpretation)


def interpretation_of(bands: int, *, sixteen_bits: bool) -> str:
    """libvips' interpretation of 1 or 2 bands (gray, gray and alpha) or of more (RGB)."""
    if bands < 3:
        return "grey16" if sixteen_bits else "b-w"
    return "rgb16" if sixteen_bits else "srgb"
