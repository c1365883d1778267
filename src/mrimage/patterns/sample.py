"""A sample of the images' vectors that fits into memory: centers begin with it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mrimage.patterns import VECTORS
from mrimage.patterns.vectors import Array, hashes, restored, stored, whole_vectors
from mrimage.rounds.round import Pairs, Round
from mrimage.rounds.table import Table

SAMPLE = 20_000
"""Images of a sample, about; all of them if there are no more."""

PIECE = 8_192
"""Images of a batch that are turned into numbers at once, so that little is held in memory."""

RECORD = 2 << 10
"""Bytes of a record's value, about. The shuffle sorts records ten thousand at a time, in little
memory, so values must be small."""

_HASHES = 1 << 64


@dataclass(frozen=True)
class Sample:
    """Vectors of some images, in an order that is as good as random and always the same.

    ``vectors`` are whole numbers (see ``patterns.vectors``), shape (images, d).
    """

    column: str
    vectors: Array

    @property
    def length(self) -> int:
        return int(self.vectors.shape[1])

    def first(self, images: int) -> Array:
        """The vectors of the first images: a smaller sample."""
        return self.vectors[:images]


def vector_column(images: Table) -> str:
    """The column of vectors that a table of images has."""
    return next(name for name in VECTORS if name in images.columns)


def sample_of(images: Table, column: str) -> Generator[Round, Table, Sample]:
    """Take a sample of the images by a hash of their uris. There must be at least one image."""
    share = min(_HASHES, -(-_HASHES * SAMPLE // len(images)))
    side = {"column": column, "most": (share - 1).to_bytes(8, "little")}
    found = yield Round(images, pick, pass_on, side=side)
    places: list[Array] = []
    vectors: list[Array] = []
    for _, value in found:
        places.append(np.frombuffer(value["hashes"], "<u8"))
        vectors.append(restored(value["vectors"], value["length"]))
    order = np.argsort(np.concatenate(places), kind="stable")
    return Sample(column, np.concatenate(vectors)[order])


def pick(key: str, batch: pa.RecordBatch, side: Any) -> Pairs:
    """Yield the vectors of the images whose hash is at most ``most``."""
    most = int.from_bytes(side["most"], "little")
    for piece in pieces(batch):
        places = hashes(piece.column("uri").to_pylist())
        chosen = places <= np.uint64(most)
        if not chosen.any():
            continue
        kept = places[chosen]
        vectors = whole_vectors(piece, side["column"])[chosen]
        length = vectors.shape[1]
        for part in chunks(len(kept), 2 * length):
            value = {"hashes": kept[part].tobytes(), "vectors": stored(vectors[part])}
            yield "sample", value | {"length": length}


def pass_on(key: str, values: Iterator[Any], side: Any) -> Pairs:
    """Yield what the mapper has yielded."""
    for value in values:
        yield key, value


def chunks(rows: int, width: int) -> Iterator[slice]:
    """Cut ``rows`` rows of ``width`` bytes into those of one record each."""
    step = max(1, RECORD // width)
    for start in range(0, rows, step):
        yield slice(start, start + step)


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces that are handled at once."""
    for start in range(0, batch.num_rows, PIECE):
        yield batch.slice(start, PIECE)
