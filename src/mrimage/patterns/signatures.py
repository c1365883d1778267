"""What ``--find duplicates`` knows of each image, as arrays of one batch of images."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrimage.image.descriptor import COLOR_CELLS, permutations

Array = NDArray[Any]

NUMBERS = 236
"""Numbers of a descriptor."""

UNIT = 256
"""The length of a descriptor as whole numbers. Products of such numbers are exact in float32, in
whatever order they are added: 236 of them stay below 2**24."""

BITS = 128
"""Bits of a sketch."""

LOOSE = 3
"""A moment may be wrong by this part of the larger one: a third."""

NOISE = 40
"""And by so much in any case, in units of a descriptor's whole numbers."""

SIGNATURE = np.dtype([("id", "<u8"), ("descriptor", "i1", NUMBERS), ("miniature", "u1", 1024)])
"""What a pair of images is compared by."""


def ids_of(uris: list[str]) -> Array:
    """Return a number for each image: 64 bits of a hash of its uri.

    Two of ten million images have the same one with a chance of 3 in a million.
    """
    digests = [hashlib.blake2b(uri.encode(), digest_size=8).digest() for uri in uris]
    return np.frombuffer(b"".join(digests), "<u8")


def whole_descriptors(batch: Any) -> Array:
    """Return the descriptors of a batch as int8, shape (images, 236). Those of flat pictures are
    zero."""
    values = batch["descriptor"].flatten().to_numpy(zero_copy_only=False)
    scaled = np.rint(values.astype(np.float32) * UNIT)
    whole: Array = np.clip(scaled, -127, 127).astype(np.int8).reshape(-1, NUMBERS)
    return whole


def miniatures(batch: Any) -> Array:
    """Return the miniatures of a batch as uint8, shape (images, 1024)."""
    values: Array = batch["miniature"].flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, 1024)


def upright(descriptors: Array, *, every_way: bool = False) -> tuple[Array, Array]:
    """Return the descriptors as if all pictures had been turned and mirrored the same way, and for
    each the row of ``descriptors`` that it was made of.

    The picture is turned until it gets brighter to the right, less so or equally downwards, and not
    darker in either direction. A picture for which several of the eight ways may be right, because
    of noise, has several rows; with ``every_way``, each has all eight.
    """
    side = np.arange(COLOR_CELLS)
    weights = np.stack([np.tile(2 * side - 5, COLOR_CELLS), np.repeat(2 * side - 5, COLOR_CELLS)])
    cells = COLOR_CELLS**2
    found = []
    rows = []
    luma = descriptors[:, :cells].astype(np.int64)
    spread = np.abs(luma @ weights.T).max(axis=1)
    error = spread // LOOSE + NOISE
    for permutation in permutations().values():
        right, down = (luma[:, permutation[:cells]] @ weights.T).T
        fits = (right >= -error) & (down >= -error) & (right - down >= -error)
        fits = (fits | every_way) & descriptors.any(axis=1)
        rows.append(np.flatnonzero(fits))
        found.append(descriptors[fits][:, permutation])
    return np.concatenate(found), np.concatenate(rows)


def sketch(descriptors: Array) -> Array:
    """Return BITS bits of each descriptor, uint8 0 or 1, shape (images, 128).

    Each bit says on which side of a plane through the origin the descriptor is. Two descriptors
    at an angle of ``a`` radians differ in about ``a / pi`` of the bits (M. Charikar, Similarity
    estimation techniques from rounding algorithms, STOC 2002).
    """
    sums = descriptors.astype(np.float32) @ _planes()
    bits: Array = (sums > 0).astype(np.uint8)
    return bits


@lru_cache(maxsize=1)
def _planes() -> Array:
    """The normals of the planes: signs that look random, float32 of shape (236, 128)."""
    data = hashlib.shake_256(b"mrimage duplicates").digest(NUMBERS * BITS // 8)
    signs = np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.float32)
    planes: Array = (2 * signs - 1).reshape(NUMBERS, BITS)
    return planes
