"""Arrays with a description, as bytes that the page reads without copying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

ALIGNMENT = 8
"""The browser's typed arrays begin at multiples of their items' size."""


def pack(header: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """Return the length of a JSON header (uint32, little-endian), the header, and the arrays.

    ``header["arrays"]`` lists name, type (``uint8``...) and length of each array. The header and
    each array begin at a multiple of 8 bytes.
    """
    described = [[name, str(array.dtype), len(array)] for name, array in arrays.items()]
    text = msgspec.json.encode({**header, "arrays": described})
    pieces = [len(text).to_bytes(4, "little") + bytes(4), text]
    size = 8 + len(text)
    for array in arrays.values():
        pieces.append(bytes(-size % ALIGNMENT))
        size += -size % ALIGNMENT
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        pieces.append(little.tobytes())
        size += array.nbytes
    return b"".join(pieces)


def pack_flags(flags: Array) -> Array:
    """Return truth values as bits, the first one lowest, uint8."""
    return np.packbits(flags, bitorder="little")


def unpack_flags(bits: bytes, count: int) -> Array:
    """Return ``count`` truth values from the bits of ``pack_flags``."""
    given = np.frombuffer(bits, np.uint8)
    flags: Array = np.unpackbits(given, count=count, bitorder="little").astype(bool)
    return flags
