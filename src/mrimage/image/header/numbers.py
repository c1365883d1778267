"""Big-endian numbers in bytes."""

from __future__ import annotations


def number_at(data: bytes, start: int, size: int) -> int:
    """Return the unsigned big-endian number of ``size`` bytes at ``start``.

    Bytes beyond the end of ``data`` do not count, so that a cut number is smaller, and 0 without
    any.
    """
    return int.from_bytes(data[start : start + size], "big")
