"""Pixels that are stored plain, and may be fewer than the header says."""

from __future__ import annotations

from mrimage.errors import ImageError
from mrimage.types import Limits


def filled(data: bytes, length: int, limits: Limits) -> bytes:
    """The first ``length`` bytes. If there are fewer: ImageError ``truncated``, or zeros where that is allowed."""
    if len(data) < length and not limits.allow_truncated:
        raise ImageError(
            "truncated", f"Expected {length} bytes of pixels, but the file has {len(data)}."
        )
    return data[:length].ljust(length, b"\x00")
