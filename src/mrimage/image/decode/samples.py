"""Uncompressed samples: missing bytes, and values that do not fill their type."""

from __future__ import annotations

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array
from mrimage.types import Limits


def first_bytes(data: bytes, length: int, limits: Limits) -> bytes:
    """The first ``length`` bytes of ``data``.

    If there are fewer, the rest is zeros where ``limits`` allow truncated files. Otherwise raises
    ImageError ``truncated``.
    """
    if len(data) < length and not limits.allow_truncated:
        message = f"The pixels need {length} bytes, but the file has only {len(data)}."
        raise ImageError("truncated", message)
    return data[:length].ljust(length, b"\x00")


def to_full_range(values: Array, white: int) -> Array:
    """Scale values from 0..``white`` to 0..255 as uint8 if ``white`` is at most 255, else to
    0..65535 as uint16.

    Values above ``white`` become white.
    """
    import numpy as np

    type_white = 255 if white < 256 else 65_535
    type = np.uint8 if white < 256 else np.uint16
    scaled = np.minimum(values, white).astype(np.uint32) * type_white
    rounded = (scaled + white // 2) // white
    return rounded.astype(type)
