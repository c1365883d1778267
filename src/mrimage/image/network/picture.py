"""The picture that a model sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from mrimage.image.edit import Opened
from mrimage.image.network.network import Network
from mrimage.image.thumbnail import thumbnail
from mrimage.types import Edits, Limits

Array = np.ndarray[Any, np.dtype[Any]]


def model_input(opened: Opened, network: Network, limits: Limits) -> Array:
    """Return the model's input, C x H x W or H x W x C: the middle of the image, upright, in sRGB,
    alpha composited on white.

    The image is scaled so that it covers the model's size divided by its ``crop``, and cut to its
    size. Raises ImageError.
    """
    width = round(network.width / network.crop)
    height = round(network.height / network.crop)
    covering = Edits(resize=(width, height), fit="cover")
    pixels = thumbnail(opened, covering, limits)
    left = (width - network.width) // 2
    top = (height - network.height) // 2
    return normalized(pixels[top : top + network.height, left : left + network.width], network)


def normalized(pixels: Array, network: Network) -> Array:
    """Turn ``pixels`` (uint8 H x W x 3, RGB) into the numbers that the model expects."""
    values = pixels
    if network.dtype != "uint8":
        mean = np.array(network.mean, np.float32)
        deviation = np.array(network.deviation, np.float32)
        scale = 1 / (255 * deviation)
        values = pixels * scale - mean / deviation
    if network.channels == "bgr":
        values = values[:, :, ::-1]
    if network.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, dtype=network.dtype)
