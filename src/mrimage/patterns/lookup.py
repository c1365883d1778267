"""Brings the signatures of pairs of images together, and compares them: two joins.

Pairs are in buckets of one image. A round joins them with the signatures of the images in the
bucket, and sends these on to the bucket of the other image, where the next round compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mrimage.patterns.candidates import PAIR, PAIRS
from mrimage.patterns.overlay import compare
from mrimage.patterns.signatures import (
    SIGNATURE,
    Array,
    ids_of,
    miniatures,
    whole_descriptors,
)
from mrimage.rounds.round import Pairs

SIGNATURES = "signatures"
HALVES = "halves"
EDGES = "edges"
"""Kinds of values."""


class Filter:
    """A set of ids that may contain a few others: a Bloom filter (Communications of the ACM 13,
    1970) with two bits for each id. Only the signatures of images in it are sent anywhere."""

    def __init__(self, bits: bytes) -> None:
        self._bits = np.frombuffer(bits, np.uint8)

    @staticmethod
    def of(ids: Array) -> bytes:
        """The bits of a filter for ``ids``: about two bytes for each."""
        size = 1 << max(13, (16 * len(ids)).bit_length())
        found = np.zeros(size, np.uint8)
        for place in _places(ids, size):
            found[place] = 1
        return np.packbits(found).tobytes()

    def has(self, ids: Array) -> Array:
        """Whether the filter has each of ``ids``."""
        size = 8 * len(self._bits)
        found = np.ones(len(ids), bool)
        for place in _places(ids, size):
            found &= (self._bits[place >> 3] >> (7 - (place & 7)).astype(np.uint8)) & 1 == 1
        return found


def _places(ids: Array, size: int) -> list[Array]:
    mask = np.uint64(size - 1)
    return [(ids & mask).astype(np.int64), ((ids >> np.uint64(32)) & mask).astype(np.int64)]


def pairs_alone(key: str, value: Any, side: Any) -> Pairs:
    """Pass on the pairs of a table of candidates, and nothing else."""
    if isinstance(value, list) and value[0] == PAIRS:
        yield key, value


def to_signatures(key: str, batch: Any, side: dict[str, Any]) -> Pairs:
    """Yield the signatures of the images in the filter, by buckets of their ids."""
    ids = ids_of(batch["uri"].to_pylist())
    rows = np.flatnonzero(Filter(side["filter"]).has(ids))
    if not len(rows):
        return
    chosen = batch.take(rows)
    found = np.empty(len(rows), SIGNATURE)
    found["id"] = ids[rows]
    found["descriptor"] = whole_descriptors(chosen)
    found["miniature"] = miniatures(chosen)
    parts = found["id"] % np.uint64(side["buckets"])
    for part in np.unique(parts).tolist():
        yield f"{part:04}", [SIGNATURES, found[parts == part].tobytes()]


def with_first(key: str, values: Iterator[list[Any]], side: dict[str, Any]) -> Pairs:
    """Join the pairs of a bucket, and those of ``side``, with the signatures of their first images; yield both by buckets of
    the second ones."""
    found = _by_kind(values)
    more = np.frombuffer(side["pairs"], PAIR)
    more = more[more["first"] % np.uint64(side["buckets"]) == int(key)]
    pairs = np.unique(np.concatenate([np.frombuffer(found.get(PAIRS, b""), PAIR), more]))
    signatures = _sorted(found.get(SIGNATURES, b""))
    pairs = pairs[_has(signatures, pairs["first"])]
    parts = pairs["second"] % np.uint64(side["buckets"])
    for part in np.unique(parts).tolist():
        chosen = pairs[parts == part]
        needed = np.unique(chosen["first"])
        firsts = signatures[np.searchsorted(signatures["id"], needed)]
        yield f"{part:04}", [HALVES, firsts.tobytes(), chosen.tobytes()]


def halves_alone(key: str, value: Any, side: Any) -> Pairs:
    """Pass on what ``with_first`` has made."""
    yield key, value


def compared(key: str, values: Iterator[list[Any]], side: dict[str, Any]) -> Pairs:
    """Compare the pairs of a bucket; yield their edges."""
    halves = []
    seconds = []
    for value in values:
        if value[0] == HALVES:
            halves.append((value[1], value[2]))
        else:
            seconds.append(value[1])
    signatures = _sorted(b"".join(seconds))
    for data, pair_data in halves:
        firsts = _sorted(data)
        pairs = np.frombuffer(pair_data, PAIR)
        pairs = pairs[_has(signatures, pairs["second"])]
        left = firsts[np.searchsorted(firsts["id"], pairs["first"])]
        right = signatures[np.searchsorted(signatures["id"], pairs["second"])]
        edges = compare(left, right)
        yield EDGES, edges[edges["detail"] >= side["least"]].tobytes()


def _by_kind(values: Iterator[list[Any]]) -> dict[str, bytes]:
    found: dict[str, list[bytes]] = {}
    for kind, data in values:
        found.setdefault(kind, []).append(data)
    return {kind: b"".join(parts) for kind, parts in found.items()}


def _sorted(data: bytes) -> Array:
    signatures = np.frombuffer(data, SIGNATURE)
    return signatures[np.argsort(signatures["id"], kind="stable")]


def _has(signatures: Array, ids: Array) -> Array:
    """Whether there is a signature of each of ``ids``."""
    found: Array = np.isin(ids, signatures["id"])
    return found
