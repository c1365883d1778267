"""The miniature: 32 x 32 gray pixels, with which two pictures can be laid over each other."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mrimage.image.features import averaged

Array = np.ndarray[Any, np.dtype[Any]]

SIDE = 32
"""Pixels of a side of the miniature, whatever the shape of the picture."""


def shrink(luma: Array) -> Array:
    """Return the miniature of ``luma`` (uint8 H x W) as uint8, shape (1024,), in rows.

    Each pixel is the mean of an equal part of the picture.
    """
    small = np.rint(averaged(luma, SIDE, SIDE))
    miniature: Array = np.clip(small, 0, 255).astype(np.uint8).ravel()
    return miniature


def hash_picture(pixels: Array) -> str:
    """Return a hash of the picture as it was decoded for features: uint8 H x W x 3.

    Equal hashes of images of one size and one way of encoding mean equal pixels, up to differences
    that are gone at that resolution. 32 hexadecimal digits.
    """
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=16)
    digest.update(repr(pixels.shape).encode())
    return digest.hexdigest()
