"""The laws of finding near hashes: exactly the pairs within the distance, however they are sorted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrimage.reducers.hamming import components, near_pairs

HASH = st.integers(0, 2**64 - 1)
FLIPS = st.lists(st.integers(0, 63), max_size=8)


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Distinct hashes, many of which are a few bits away from another."""
    found = set(draw(st.lists(HASH, min_size=1, max_size=4)))
    for flips in draw(st.lists(FLIPS, max_size=20)):
        changed = draw(st.sampled_from(sorted(found)))
        for bit in flips:
            changed ^= 1 << bit
        found.add(changed)
    return draw(st.permutations(sorted(found)))


def pairs_of(hashes: np.ndarray, distance: int, kept: int | None = None) -> set[tuple[int, int]]:
    batches = near_pairs(hashes, distance, kept)
    return {
        (min(a, b), max(a, b)) for left, right in batches for a, b in zip(left, right, strict=True)
    }


@settings(max_examples=150, deadline=None)
@given(families(), st.integers(0, 10), st.integers(0, 3))
def test_pairs_are_those_of_comparing_each_with_each(
    hashes: list[int], distance: int, kept: int
) -> None:
    near = {
        (a, b)
        for a, b in combinations(range(len(hashes)), 2)
        if (hashes[a] ^ hashes[b]).bit_count() <= distance
    }
    assert pairs_of(np.array(hashes, np.uint64), distance, kept) == near


@pytest.mark.parametrize("spread", [64, 20])
def test_among_many_hashes_none_is_missed(spread: int) -> None:
    """With all bits at random, and with most of them the same for all, which makes for long runs of equals."""
    bits = np.random.default_rng(7).integers(0, 2, (1500, spread), np.uint64)
    hashes = np.unique(bits @ (np.uint64(1) << np.arange(spread, dtype=np.uint64)))
    hashes = np.unique(np.concatenate([hashes, hashes[:400] ^ np.uint64(0b10010000000000000101)]))
    near = np.argwhere(np.triu(np.bitwise_count(hashes[:, None] ^ hashes) <= 6, 1))
    assert pairs_of(hashes, 6) == set(map(tuple, near.tolist()))
    assert len(near) >= 400


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.data())
def test_components_are_what_hangs_together_in_any_order(count: int, data: st.DataObject) -> None:
    node = st.integers(0, count - 1)
    edges = data.draw(st.lists(st.tuples(node, node), max_size=15))
    expected = list(range(count))
    for _ in range(count):  # the smallest label spreads as far as it can
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    for order in (edges, data.draw(st.permutations(edges))):
        cut = data.draw(st.integers(0, len(order)))
        batches = [np.array(part, np.intp).reshape(-1, 2).T for part in (order[:cut], order[cut:])]
        assert components(count, ((left, right) for left, right in batches)).tolist() == expected
