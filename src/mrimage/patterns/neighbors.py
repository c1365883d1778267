"""``--find neighbors``: the most similar images of each image, and how far it is from them.

A join of all images with all others, by cells: each image goes to the few cells whose centers are
nearest to it, and is compared with the images that go there too. So of a pair of near images that
a border separates, at least one cell has both. It is exact if there is a single cell.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from mrimage.patterns.kmeans import centers_of_sample
from mrimage.patterns.sample import chunks, pass_on, pieces, sample_of, vector_column
from mrimage.patterns.vectors import (
    UNIT,
    Array,
    hashes,
    products,
    restored,
    slices,
    squares,
    stored,
    whole_vectors,
)
from mrimage.rounds.programs import FoundTable
from mrimage.rounds.round import Pairs, Round
from mrimage.rounds.table import Table
from mrimage.tables.found import NEIGHBORS

NEAREST = 10
"""Neighbors of each image, at most."""

ONE_CELL = 5_000
"""Up to so many images, all are compared with all."""

CELL = 1_000
"""Images whose nearest center is that of one cell, about."""

OVERLAP = 4
"""Cells that each image goes to."""

CELL_ITERATIONS = 10
"""Iterations of k-means for the centers of cells, which need not be the best ones."""

BUCKET = 20_000
"""Images whose neighbors one reduce task merges, about."""

_ROW = 8 + 16 * NEAREST
"""Bytes of what is known of an image's neighbors."""

_URI = 80
"""Bytes of a uri, about."""

_NONE = -1
"""The squared distance where an image has fewer neighbors."""


def find_neighbors(images: Table) -> Generator[Round, Table, list[FoundTable]]:
    """Yield the rounds of the join, and return neighbors.parquet."""
    count = len(images)
    if not count:
        return [FoundTable("neighbors", NEIGHBORS.empty_table())]
    column = vector_column(images)
    sample = yield from sample_of(images, column)
    cells = 1 if count <= ONE_CELL else count // CELL
    centers = centers_of_sample(sample.vectors, cells, restarts=1, iterations=CELL_ITERATIONS)
    side = {
        "column": column,
        "length": sample.length,
        "centers": stored(centers),
        "buckets": -(-count // BUCKET),
    }
    compared = yield Round(images, send, compare, side=side)
    merged = yield Round(compared, pass_one_on, merge)
    named = yield Round(images, name, pass_on)
    uris = [uri for _, some in named for uri in some]
    return [FoundTable("neighbors", _table(uris, [value for _, value in merged]))]


def send(key: str, batch: pa.RecordBatch, side: Any) -> Pairs:
    """Yield the images of a batch under each cell that they go to."""
    centers = restored(side["centers"], side["length"])
    for piece in pieces(batch):
        vectors = whole_vectors(piece, side["column"])
        ids = hashes(piece.column("uri").to_pylist())
        cells = nearest_cells(vectors, centers)
        order = np.argsort(cells, axis=None, kind="stable")
        sorted_cells = cells.ravel()[order]
        rows = order // cells.shape[1]
        starts = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            for part in chunks(end - start, 2 * side["length"]):
                chosen = rows[start:end][part]
                value = {"ids": ids[chosen].tobytes(), "vectors": stored(vectors[chosen])}
                yield f"{sorted_cells[start]:06}", value


def nearest_cells(vectors: Array, centers: Array) -> Array:
    """Return the numbers of the OVERLAP nearest centers of each vector, shape (vectors, OVERLAP);
    of equally near ones, the first."""
    count = len(centers)
    kept = min(OVERLAP, count)
    lengths = squares(centers)
    found = np.empty((len(vectors), kept), np.int64)
    for part in slices(len(vectors), count):
        distances = lengths - 2 * products(vectors[part], centers).astype(np.int64)
        # No two are equal any more, so that the choice is the same everywhere.
        ranked = distances * count + np.arange(count)
        found[part] = np.partition(ranked, kept - 1, axis=1)[:, :kept] % count
    return found


def compare(key: str, values: Iterator[Any], side: Any) -> Pairs:
    """Compare all images of a cell, and yield the nearest of each under its bucket."""
    ids, vectors = _joined(values, side["length"])
    nearest, squared = nearest_of_all(ids, vectors)
    buckets = ids % np.uint64(side["buckets"])
    for bucket in np.unique(buckets):
        rows = np.flatnonzero(buckets == bucket)
        for part in chunks(len(rows), _ROW):
            chosen = rows[part]
            yield f"{bucket:06}", _plain(ids[chosen], nearest[chosen], squared[chosen])


def nearest_of_all(ids: Array, vectors: Array) -> tuple[Array, Array]:
    """Return the ids of the NEAREST others of each vector and the squared distances, both of the
    shape (vectors, NEAREST), the nearest first, and equally near ones by id.

    ``ids`` are sorted. Where there are too few others, the distance is -1.
    """
    count = len(ids)
    kept = min(NEAREST, count - 1)
    nearest = np.zeros((count, NEAREST), "<u8")
    squared = np.full((count, NEAREST), _NONE, "<i8")
    if kept < 1:
        return nearest, squared
    lengths = squares(vectors)
    places = np.arange(count)
    for part in slices(count, count):
        rows = places[part]
        distances = lengths[part, None] + lengths - 2 * products(vectors[part], vectors)
        ranked = distances * count + places
        # An image is no neighbor of its own.
        ranked[rows - rows[0], rows] = np.iinfo(np.int64).max
        first = np.sort(np.partition(ranked, kept - 1, axis=1)[:, :kept], axis=1)
        nearest[part, :kept] = ids[first % count]
        squared[part, :kept] = first // count
    return nearest, squared


def pass_one_on(key: str, value: Any, side: Any) -> Pairs:
    """Yield a record as it is."""
    yield key, value


def merge(key: str, values: Iterator[Any], side: Any) -> Pairs:
    """Merge what several cells have found for the images of a bucket."""
    lists = [_parsed(value) for value in values]
    ids = np.concatenate([np.repeat(each[0], NEAREST) for each in lists])
    others = np.concatenate([each[1].ravel() for each in lists])
    squared = np.concatenate([each[2].ravel() for each in lists])
    owners = np.unique(ids)
    is_there = squared != _NONE
    ids, others, squared = ids[is_there], others[is_there], squared[is_there]
    order = np.lexsort((others, squared, ids))
    ids, others, squared = ids[order], others[order], squared[order]
    # Two cells may have the same pair.
    is_new = np.ones(len(ids), bool)
    is_new[1:] = (ids[1:] != ids[:-1]) | (others[1:] != others[:-1])
    ids, others, squared = ids[is_new], others[is_new], squared[is_new]
    owner = np.searchsorted(owners, ids)
    rank = np.arange(len(ids)) - np.searchsorted(ids, ids)
    kept = rank < NEAREST
    nearest = np.zeros((len(owners), NEAREST), "<u8")
    distances = np.full((len(owners), NEAREST), _NONE, "<i8")
    nearest[owner[kept], rank[kept]] = others[kept]
    distances[owner[kept], rank[kept]] = squared[kept]
    for part in chunks(len(owners), _ROW):
        yield "neighbors", _plain(owners[part], nearest[part], distances[part])


def name(key: str, batch: pa.RecordBatch, side: Any) -> Pairs:
    """Yield the uris of a batch."""
    uris = batch.column("uri").to_pylist()
    for part in chunks(len(uris), _URI):
        yield "uris", uris[part]


def _joined(values: Iterable[Any], length: int) -> tuple[Array, Array]:
    """The ids of a cell's images, sorted, and their vectors."""
    ids: list[Array] = []
    vectors: list[Array] = []
    for value in values:
        ids.append(np.frombuffer(value["ids"], "<u8"))
        vectors.append(restored(value["vectors"], length))
    joined = np.concatenate(ids)
    order = np.argsort(joined, kind="stable")
    return joined[order], np.concatenate(vectors)[order]


def _plain(ids: Array, nearest: Array, squared: Array) -> dict[str, bytes]:
    return {
        "ids": ids.astype("<u8").tobytes(),
        "nearest": nearest.astype("<u8").tobytes(),
        "squared": squared.astype("<i8").tobytes(),
    }


def _parsed(value: Any) -> tuple[Array, Array, Array]:
    return (
        np.frombuffer(value["ids"], "<u8"),
        np.frombuffer(value["nearest"], "<u8").reshape(-1, NEAREST),
        np.frombuffer(value["squared"], "<i8").reshape(-1, NEAREST),
    )


def _table(uris: list[str], values: list[Any]) -> pa.Table:
    """The rows of neighbors.parquet, sorted by uri."""
    uris = sorted(uris)
    ids = hashes(uris)
    by_id = np.argsort(ids)
    parsed = [_parsed(value) for value in values]
    owners = np.concatenate([each[0] for each in parsed])
    order = np.argsort(owners)
    # The row of each image in what was found.
    rows = order[np.searchsorted(owners[order], ids)]
    nearest = np.concatenate([each[1] for each in parsed])[rows]
    squared = np.concatenate([each[2] for each in parsed])[rows]
    is_there = squared != _NONE
    counts = is_there.sum(axis=1)
    distances = np.round(np.sqrt(np.maximum(squared, 0)) / UNIT, 5)
    means = distances.sum(axis=1, where=is_there) / np.maximum(counts, 1)
    ends = np.concatenate([[0], np.cumsum(counts)])
    offsets = pa.array(ends, pa.int32())
    names = pa.array(uris, pa.string())
    places = by_id[np.searchsorted(ids[by_id], nearest[is_there])]
    columns = [
        names,
        pa.array(np.round(means, 5), pa.float64(), mask=counts == 0),
        pa.ListArray.from_arrays(offsets, names.take(pa.array(places))),
        pa.ListArray.from_arrays(offsets, pa.array(distances[is_there])),
    ]
    return pa.table(columns, NEIGHBORS.names).cast(NEIGHBORS)
