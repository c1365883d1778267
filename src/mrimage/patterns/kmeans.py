"""k-means on whole vectors (S. Lloyd, Least squares quantization in PCM, 1982): the parts that rounds
and samples share. All sums are of whole numbers, so the result depends on nothing but the vectors."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from mrimage.patterns.vectors import Array, products, slices, squares

MOST_ITERATIONS = 100
"""Iterations at most. They end when the inertia falls by less than TOLERANCE."""

TOLERANCE = 10_000
"""The share of the inertia, as one part of so many, that another iteration must win."""

RESTARTS = 4
"""How many seedings of a sample are tried; the one that ends with the least inertia counts."""


@dataclass(frozen=True)
class Sums:
    """What the vectors of each cluster add up to.

    ``counts`` has the shape (k,) and ``totals`` (k, d), both int64. ``inertia`` is the sum of the
    squared distances to the centers, in units of 1 / UNIT squared.
    """

    counts: Array
    totals: Array
    inertia: int


def nearest(vectors: Array, centers: Array) -> tuple[Array, Array]:
    """Return the nearest center of each vector, the first of equally near ones, and the squared
    distance to it: int32 and int64, both of the shape (vectors,)."""
    lengths = squares(centers).astype(np.int32)
    chosen = np.empty(len(vectors), np.int32)
    scores = np.empty(len(vectors), np.int64)
    for part in slices(len(vectors), len(centers)):
        found = 2 * products(vectors[part], centers) - lengths
        chosen[part] = found.argmax(axis=1)
        scores[part] = found.max(axis=1)
    return chosen, squares(vectors) - scores


def sums_of(vectors: Array, centers: Array) -> Sums:
    """Assign each vector to its nearest center, and add up those of each."""
    chosen, distances = nearest(vectors, centers)
    counts = np.bincount(chosen, minlength=len(centers))
    totals = np.zeros((len(centers), vectors.shape[1]), np.int64)
    order = np.argsort(chosen, kind="stable")
    present = np.flatnonzero(counts)
    if len(present):
        starts = (np.cumsum(counts) - counts)[present]
        totals[present] = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.int64)
    return Sums(counts, totals, int(distances.sum()))


def moved(centers: Array, sums: Sums) -> Array:
    """Return the centers moved to the means of their vectors, rounded. One without vectors stays."""
    counts = np.maximum(sums.counts, 1)[:, None]
    means = (2 * sums.totals + counts) // (2 * counts)
    return np.where(sums.counts[:, None] > 0, means, centers).astype(np.float32)


def has_converged(before: int | None, now: int) -> bool:
    """Whether an iteration has brought the inertia down by less than one part in TOLERANCE."""
    return (before is not None and (before - now) * TOLERANCE < before) or now == 0


def centers_of_sample(
    vectors: Array, k: int, restarts: int = RESTARTS, iterations: int = MOST_ITERATIONS
) -> Array:
    """Return ``k`` centers of a sample that fits into memory, or fewer if it has fewer distinct
    vectors: whole numbers in float32, shape (k, d)."""
    best: tuple[int, Array] | None = None
    for seed in range(restarts):
        centers = seeds_of(vectors, k, seed)
        before = None
        for _ in range(iterations):
            sums = sums_of(vectors, centers)
            if has_converged(before, sums.inertia):
                break
            before = sums.inertia
            centers = moved(centers, sums)
        if best is None or sums.inertia < best[0]:
            best = (sums.inertia, centers)
    assert best
    return best[1]


def seeds_of(vectors: Array, k: int, seed: int) -> Array:
    """Return ``k`` of the vectors, far from one another, or fewer if there are fewer distinct ones.

    Each is drawn with a chance that grows with its squared distance from those before, and of
    several draws the one counts that lowers the inertia most (D. Arthur and S. Vassilvitskii,
    k-means++: the advantages of careful seeding, SODA 2007).
    """
    draw = random.Random(seed)  # the same numbers in every version of Python
    trials = 2 + int(math.log(k))
    first = int(draw.random() * len(vectors))
    chosen = [first]
    lengths = squares(vectors)
    _, distances = nearest(vectors, vectors[[first]])
    while len(chosen) < k:
        ends = np.cumsum(distances)
        if ends[-1] == 0:
            break
        drawn = [int(draw.random() * int(ends[-1])) for _ in range(trials)]
        candidates = np.searchsorted(ends, drawn, side="right")
        others = lengths[candidates]
        found = lengths[:, None] + others - 2 * products(vectors, vectors[candidates])
        found = np.minimum(found, distances[:, None])
        best = int(found.sum(axis=0).argmin())
        chosen.append(int(candidates[best]))
        distances = found[:, best]
    return vectors[chosen]


LADDER = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96)
"""The numbers of clusters that ``auto`` tries."""


def best_number(vectors: Array) -> int:
    """Return the number of LADDER whose clusters are farthest apart: that with the largest mean
    silhouette (P. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20, 1987).

    It is 1 for fewer than three distinct vectors. ``vectors`` are a small sample: all their
    distances are held in memory.
    """
    distinct = len(np.unique(vectors, axis=0))
    if distinct < 3:
        return 1
    lengths = squares(vectors)
    squared = lengths[:, None] + lengths - 2 * products(vectors, vectors)
    # Whole numbers, whose sums are exact.
    distances = np.rint(np.sqrt(squared))
    scores: dict[int, float] = {}
    for k in LADDER:
        if k > max(2, distinct // 3):
            break
        chosen, _ = nearest(vectors, centers_of_sample(vectors, k, restarts=1))
        scores[k] = silhouette(distances, chosen)
    return max(scores, key=lambda k: (scores[k], -k))


def silhouette(distances: Array, chosen: Array) -> float:
    """Return the mean silhouette, -1 to 1.

    ``distances`` are those of all pairs, (n, n), and ``chosen`` is the cluster of each vector. A
    vector that is alone in its cluster counts as 0.
    """
    clusters, place = np.unique(chosen, return_inverse=True)
    if len(clusters) < 2:
        return -1.0
    belongs = (place[:, None] == np.arange(len(clusters))).astype(np.float64)
    counts = belongs.sum(axis=0)
    totals = distances @ belongs
    rows = np.arange(len(chosen))
    own_count = counts[place]
    within = totals[rows, place] / np.maximum(own_count - 1, 1)
    means = totals / counts
    means[rows, place] = np.inf
    beyond = means.min(axis=1)
    larger = np.maximum(within, beyond)
    values = np.divide(beyond - within, larger, out=np.zeros(len(rows)), where=larger > 0)
    values[own_count == 1] = 0
    return math.fsum(values.tolist()) / len(rows)
