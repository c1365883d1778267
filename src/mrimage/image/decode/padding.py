"""Samples that are stored plain: fewer than the header says, or over a smaller range than their type has."""

from __future__ import annotations

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array
from mrimage.types import Limits


def filled(data: bytes, length: int, limits: Limits) -> bytes:
    """The first ``length`` bytes. If there are fewer: ImageError ``truncated``, or zeros where that is allowed."""
    if len(data) < length and not limits.allow_truncated:
        raise ImageError(
            "truncated", f"Expected {length} bytes of pixels, but the file has {len(data)}."
        )
    return data[:length].ljust(length, b"\x00")


def spread(values: Array, top: int) -> Array:
    """uint8 or uint16 over the whole range of its type, of numbers from 0 to ``top``."""
    import numpy as np

    full = 255 if top < 256 else 65_535
    kind = np.uint8 if top < 256 else np.uint16
    return ((np.minimum(values, top).astype(np.uint32) * full + top // 2) // top).astype(kind)
