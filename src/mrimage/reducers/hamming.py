"""Which of many 64-bit hashes differ in few bits, and what hangs together by them.

Two hashes that differ in at most ``d`` bits, cut into ``d + r`` blocks, have at least ``r`` blocks in common (the
pigeonhole principle). So for every choice of ``r`` blocks the hashes are sorted by those, and compared only within runs
of equals: G. S. Manku, A. Jain, A. Das Sarma, Detecting near-duplicates for web crawling, WWW 2007, section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
Indices: TypeAlias = NDArray[np.intp]

BITS = 64

STRIDE = 29
"""Blocks take their bits from all over the hash, this far apart: where one bit of a perceptual hash tells little,
because the picture is symmetrical, so do its neighbors in the row and in the column."""

SORTING = 30
"""What it costs to sort one hash, in comparisons of two."""

MOST_KEPT = 3
"""More blocks in common than this never pay."""


def near_pairs(
    hashes: Hashes, distance: int, kept: int | None = None
) -> Iterator[tuple[Indices, Indices]]:
    """The indices of all pairs of ``hashes`` that differ in at most ``distance`` bits, in batches, in no promised order;
    a pair may come more than once. Memory is a few dozen bytes for each hash. ``kept``, the blocks that are sorted by at
    a time, changes what it costs and not what is found; it is chosen for hashes that are spread evenly."""
    for mask in _masks(distance, _least_work(len(hashes), distance) if kept is None else kept):
        order = np.argsort(hashes & mask)
        values = hashes[order]
        keys = values & mask
        step, first = 1, np.flatnonzero(keys[1:] == keys[:-1])
        while first.size:
            differing = np.bitwise_count(values[first] ^ values[first + step])
            near = first[differing <= distance]
            yield order[near], order[near + step]
            step += 1
            first = first[first + step < len(keys)]
            first = first[
                keys[first] == keys[first + step]
            ]  # a run of equals: the next one is equal only if this was


def _least_work(count: int, distance: int) -> int:
    """How many blocks to sort by at a time, for ``count`` hashes that are spread evenly."""

    def work(kept: int) -> float:
        pairs = count * count / 2 / 2.0 ** (BITS * kept // (distance + kept))
        return comb(distance + kept, kept) * (SORTING * count + pairs)

    return min(range(MOST_KEPT + 1), key=work)


def _masks(distance: int, kept: int) -> Iterator[np.uint64]:
    """The bits to sort by, for each choice of ``kept`` blocks; of none, one mask that takes all hashes for equal."""
    places = [STRIDE * bit % BITS for bit in range(BITS)]
    count = distance + kept
    blocks = [
        sum(1 << place for place in places[BITS * n // count : BITS * (n + 1) // count])
        for n in range(count)
    ]
    for chosen in combinations(blocks, kept):
        yield np.uint64(sum(chosen))


def components(count: int, pairs: Iterable[tuple[Indices, Indices]]) -> Indices:
    """For each of ``count`` nodes the smallest one that ``pairs`` connect it with, over however many steps: union-find,
    a batch at a time. The order of the pairs does not matter."""
    parents = np.arange(count)
    for left, right in pairs:
        while left.size:
            left, right = _roots(parents, left), _roots(parents, right)
            apart = left != right
            left, right = left[apart], right[apart]
            parents[np.maximum(left, right)] = np.minimum(
                left, right
            )  # of several for one node any, then once more
    return _roots(parents, np.arange(count))


def _roots(parents: Indices, nodes: Indices) -> Indices:
    roots = parents[nodes]
    while not np.array_equal(above := parents[roots], roots):
        roots = above
    parents[nodes] = roots  # the next look-up is short
    return roots
