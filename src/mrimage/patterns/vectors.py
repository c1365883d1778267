"""Vectors as whole numbers, so that sums and distances are exact.

Floating-point sums depend on their order, on the processor, and on how images are cut into batches.
Here a vector of length 1 becomes whole numbers of length UNIT. The product of two such vectors, and
every partial sum of it, is below 2**24, where a 32-bit float holds each whole number. So a matrix
product of 32-bit floats is exact in any order, and as fast as any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, np.dtype[Any]]

UNIT = 4000
"""The length of a vector in whole numbers. Rounding d numbers adds at most sqrt(d) / 2 to it, and
(4000 + sqrt(d) / 2) ** 2 is below 2 ** 24 for every d up to 36,000."""

STORED = np.dtype("<i2")
"""How whole numbers are kept in records: 16 bits, whatever the processor."""

_CELLS = 1 << 23
"""Products that are held at once."""


def whole_vectors(batch: pa.RecordBatch, column: str) -> Array:
    """Return the vectors of a batch of images as whole numbers in float32, shape (images, d).

    ``column`` holds vectors of length 1 at most. An image without one has zeros.
    """
    lists: Any = batch.column(column)
    length = lists.type.list_size
    flat = lists.values.slice(lists.offset * length, len(lists) * length)
    # Not to_numpy: that of half floats is a view, which must not be written to.
    numbers = np.array(flat.fill_null(0.0) if flat.null_count else flat, dtype=np.float32)
    numbers = numbers.reshape(len(lists), length)
    if lists.null_count:
        numbers[np.array(lists.is_null())] = 0
    return np.rint(numbers * UNIT)


def stored(vectors: Array) -> bytes:
    """Return whole vectors as bytes."""
    return vectors.astype(STORED).tobytes()


def restored(data: bytes, length: int) -> Array:
    """Return the whole vectors that ``stored`` wrote, as float32, shape (vectors, length)."""
    return np.frombuffer(data, STORED).astype(np.float32).reshape(-1, length)


def squares(vectors: Array) -> Array:
    """Return the squared lengths of whole vectors, as int64."""
    whole = vectors.astype(np.int64)
    found: Array = np.einsum("ij,ij->i", whole, whole)
    return found


def slices(vectors: int, others: int) -> Iterator[slice]:
    """Cut ``vectors`` rows so that the products with ``others`` vectors fit into memory."""
    step = max(1, _CELLS // max(1, others))
    for start in range(0, vectors, step):
        yield slice(start, start + step)


def products(vectors: Array, others: Array) -> Array:
    """Return the products of whole vectors, exact, as int32, shape (vectors, others)."""
    return (vectors @ others.T).astype(np.int32)


def hashes(uris: Iterable[Any]) -> Array:
    """Return a hash of each uri, uint64: the same in every run, and as good as random."""
    digests = b"".join(hashlib.blake2b(str(uri).encode(), digest_size=8).digest() for uri in uris)
    return np.frombuffer(digests, "<u8")
