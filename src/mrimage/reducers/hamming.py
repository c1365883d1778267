"""Finds 64-bit hashes that differ in few bits, and the clusters that such pairs form.

Two hashes that differ in at most ``d`` bits, cut into ``d + r`` blocks, have at least ``r`` blocks
in common (the pigeonhole principle). So for every choice of ``r`` blocks, the hashes are sorted by
those blocks and compared only within runs of equal ones: G. S. Manku, A. Jain, A. Das Sarma,
Detecting near-duplicates for web crawling, WWW 2007, section 3.
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
"""Distance between the bits of a block, which are spread over the hash. If one bit of a perceptual
hash says little, because the picture is symmetrical, then neither do its neighbors in the row and
in the column."""

SORTING = 30
"""The cost of sorting one hash, in comparisons of two."""

MOST_KEPT = 3
"""Blocks in common at most: sorting by more of them never pays."""


def near_pairs(
    hashes: Hashes, distance: int, kept: int | None = None
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the indices of all pairs of ``hashes`` that differ in at most ``distance`` bits.

    Pairs come in batches, in no particular order, and a pair may come more than once. Memory is a
    few dozen bytes for each hash. ``kept`` is the number of blocks to sort by at a time; it changes
    the cost but not the result. By default it suits evenly spread hashes.
    """
    if kept is None:
        kept = _least_work(len(hashes), distance)
    for mask in _masks(distance, kept):
        order = np.argsort(hashes & mask)
        values = hashes[order]
        keys = values & mask
        # ``first`` holds the positions whose key equals that of the position ``step`` later.
        step = 1
        first = np.flatnonzero(keys[1:] == keys[:-1])
        while first.size:
            differing = np.bitwise_count(values[first] ^ values[first + step])
            near = first[differing <= distance]
            yield order[near], order[near + step]
            # Keys are sorted, so only positions that were equal this time can be the next time.
            step += 1
            first = first[first + step < len(keys)]
            first = first[keys[first] == keys[first + step]]


def _least_work(count: int, distance: int) -> int:
    """The cheapest number of blocks to sort by at a time, for ``count`` evenly spread hashes."""

    def work(kept: int) -> float:
        blocks = distance + kept
        compared_bits = BITS * kept // blocks
        pairs = count * count / 2 / 2.0**compared_bits
        sortings = comb(blocks, kept)
        return sortings * (SORTING * count + pairs)

    return min(range(MOST_KEPT + 1), key=work)


def _masks(distance: int, kept: int) -> Iterator[np.uint64]:
    """Yield the bits to sort by, for each choice of ``kept`` blocks.

    For no blocks, this is one empty mask, for which all hashes are equal.
    """
    count = distance + kept
    positions = [STRIDE * bit % BITS for bit in range(BITS)]
    blocks = []
    for number in range(count):
        start = BITS * number // count
        end = BITS * (number + 1) // count
        blocks.append(sum(1 << position for position in positions[start:end]))
    for chosen in combinations(blocks, kept):
        yield np.uint64(sum(chosen))


def components(count: int, pairs: Iterable[tuple[Indices, Indices]]) -> Indices:
    """For each of ``count`` nodes, return the smallest node that ``pairs`` connect it with.

    Nodes may be connected over any number of steps. This is union-find, a batch at a time; the
    order of the pairs does not matter.
    """
    parents = np.arange(count)
    for left, right in pairs:
        while left.size:
            left = _roots(parents, left)
            right = _roots(parents, right)
            apart = left != right
            left = left[apart]
            right = right[apart]
            # If a node occurs several times, numpy keeps one of the assignments; the loop then
            # joins the others.
            parents[np.maximum(left, right)] = np.minimum(left, right)
    return _roots(parents, np.arange(count))


def _roots(parents: Indices, nodes: Indices) -> Indices:
    """Return the roots of ``nodes``; make them the nodes' parents, so the next look-up is short."""
    roots = parents[nodes]
    above = parents[roots]
    while not np.array_equal(above, roots):
        roots = above
        above = parents[roots]
    parents[nodes] = roots
    return roots
