"""Which images may be copies of each other: a join by equal parts of their sketches.

Each sketch is cut into bands of some bits. Two images are candidates if they agree in all bits of a
band and in most bits of the sketch (A. Gionis, P. Indyk, R. Motwani, Similarity search in high
dimensions via hashing, VLDB 1999). A value of a band that very many images have is a hot one: its
images are sorted by their sketches, and each is compared with the next WINDOW only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mrimage.patterns.signatures import BITS, Array, ids_of, sketch, upright, whole_descriptors
from mrimage.rounds.round import Pairs

FAR = 36
"""Bits of 128 in which the sketches of candidates differ at most: an angle of about 50 degrees."""

WINDOW = 200
"""Different sketches that one sketch of a hot value is compared with."""

NEAREST = 8
"""Candidates of an image in one band that are kept for sure: the nearest ones."""

FEW = 1 << 16
"""Of so many images, each is looked for in all eight ways of turning it. Of more, only in those that
its light does not rule out, which misses a few crops."""

PARTITIONS = 64
"""Keys of one band."""

FEWEST_BITS = 8
MOST_BITS = 20

EXACT = "exact"
SAME_PIXELS = "same-pixels"
LEFT_OUT = "left out"
PAIRS = "pairs"
"""Kinds of records that ``near_ones`` and ``equal_ones`` leave."""

ENTRY = np.dtype([("value", "<u4"), ("sketch", "<u8", 2), ("id", "<u8")])
EQUAL = np.dtype([("hash", "<u8", 2), ("id", "<u8")])
PAIR = np.dtype([("first", "<u8"), ("second", "<u8")])
"""Two images; ``first`` is the smaller id."""


def bits_of_bands(images: int) -> int:
    """How many bits a band has for so many images: a value is shared by few images that are not
    alike, whatever their number."""
    return min(MOST_BITS, max(FEWEST_BITS, images.bit_length() - 4))


def to_bands(key: str, batch: Any, side: dict[str, int]) -> Pairs:
    """Yield the sketches of a batch under the bands' values, and the hashes for equal images."""
    ids = ids_of(batch["uri"].to_pylist())
    yield from _equal(batch, ids)
    every_way = side["images"] <= FEW
    descriptors, rows = upright(whole_descriptors(batch), every_way=every_way)
    yield from spread_sketches(sketch(descriptors), ids[rows], side["bits"])


def spread_sketches(bits: Array, ids: Array, width: int) -> Pairs:
    """Yield the sketches ``bits`` (uint8 0 or 1, images x 128) of the images ``ids`` by bands of
    ``width`` bits and ranges of their values."""
    entries = np.empty(len(bits), ENTRY)
    entries["sketch"] = np.packbits(bits, axis=1).view("<u8")
    entries["id"] = ids
    powers = 1 << np.arange(width, dtype=np.int64)
    for band in range(BITS // width):
        entries["value"] = bits[:, band * width : (band + 1) * width] @ powers
        parts = entries["value"] % PARTITIONS
        order = np.argsort(parts, kind="stable")
        edges = np.searchsorted(parts[order], np.arange(PARTITIONS + 1))
        for part in range(PARTITIONS):
            chosen = entries[order[edges[part] : edges[part + 1]]]
            if len(chosen):
                yield f"{band:02} {part:02}", chosen.tobytes()


def _equal(batch: Any, ids: Array) -> Pairs:
    contents = [bytes.fromhex(text)[:16] for text in batch["sha256"].to_pylist()]
    yield from _spread_hashes(EXACT, contents, ids)
    shapes = zip(
        batch["picture_hash"].to_pylist(),
        batch["width"].to_pylist(),
        batch["height"].to_pylist(),
        strict=True,
    )
    pictures = [hashlib.blake2b(repr(shape).encode(), digest_size=16).digest() for shape in shapes]
    yield from _spread_hashes(SAME_PIXELS, pictures, ids)


def _spread_hashes(kind: str, hashes: list[bytes], ids: Array) -> Pairs:
    entries = np.empty(len(ids), EQUAL)
    entries["hash"] = np.frombuffer(b"".join(hashes), "<u8").reshape(-1, 2)
    entries["id"] = ids
    parts = entries["hash"][:, 0] % np.uint64(PARTITIONS)
    for part in np.unique(parts).tolist():
        yield f"{kind} {part:02}", entries[parts == part].tobytes()


def to_pairs(key: str, values: Iterator[bytes], side: dict[str, int]) -> Pairs:
    """Yield the pairs of a range of values: candidates by buckets of their first id; equal ones."""
    kind, _, _ = key.rpartition(" ")
    if kind in (EXACT, SAME_PIXELS):
        yield kind, equal_ones(_joined(values, EQUAL)).tobytes()
        return
    pairs, left_out = near_ones(_joined(values, ENTRY), int(kind), side["bits"])
    if left_out:
        yield LEFT_OUT, left_out
    yield from in_buckets(pairs, pairs["first"], side["buckets"])


def in_buckets(rows: Array, ids: Array, buckets: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield rows by buckets of their ``ids``."""
    parts = ids % np.uint64(buckets)
    for part in np.unique(parts).tolist():
        yield f"{part:04}", [PAIRS, rows[parts == part].tobytes()]


def _joined(values: Iterable[bytes], dtype: np.dtype[Any]) -> Array:
    return np.frombuffer(b"".join(values), dtype)


def equal_ones(entries: Array) -> Array:
    """Return pairs of the first image with a hash, by id, and each other one with it."""
    hashes = entries["hash"]
    entries = entries[np.lexsort((entries["id"], hashes[:, 1], hashes[:, 0]))]
    hashes = entries["hash"]
    is_new = np.ones(len(entries), bool)
    is_new[1:] = (hashes[1:] != hashes[:-1]).any(axis=1)
    heads = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    others = np.flatnonzero(~is_new)
    return _pairs(entries["id"][heads[others]], entries["id"][others])


def near_ones(entries: Array, band: int, width: int) -> tuple[Array, int]:
    """Return the candidates among the entries, and how many pairs were not compared.

    A pair that agrees in an earlier band too is left to that one.
    """
    sketches = entries["sketch"]
    order = np.lexsort((entries["id"], sketches[:, 1], sketches[:, 0], entries["value"]))
    entries = entries[order]
    sketches = entries["sketch"]
    values = entries["value"]
    is_new = np.ones(len(entries), bool)
    is_new[1:] = (values[1:] != values[:-1]) | (sketches[1:] != sketches[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new)
    # Images with the very same sketch are compared with the first of them only.
    heads = starts[np.cumsum(is_new) - 1]
    same = np.flatnonzero(~is_new)
    left = [heads[same]]
    right = [same]
    distances = [np.zeros(len(same), np.int64)]
    runs = np.diff(np.flatnonzero(np.diff(values[starts], prepend=-1, append=-1)))
    beyond = np.maximum(0, runs - WINDOW - 1)
    left_out = int((beyond * (beyond + 1) // 2).sum())
    first = np.arange(len(starts))
    for step in range(1, WINDOW + 1):
        first = first[first + step < len(starts)]
        first = first[values[starts[first]] == values[starts[first + step]]]
        if not first.size:
            break
        differing = sketches[starts[first]] ^ sketches[starts[first + step]]
        counts = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
        near = counts <= FAR
        left.append(starts[first[near]])
        right.append(starts[first[near] + step])
        distances.append(counts[near])
    a = np.concatenate(left)
    b = np.concatenate(right)
    is_first: Array = ~_agree_before(sketches[a] ^ sketches[b], band, width)
    is_first &= entries["id"][a] != entries["id"][b]
    pairs = _pairs(entries["id"][a[is_first]], entries["id"][b[is_first]])
    return _nearest(pairs, np.concatenate(distances)[is_first], left_out)


def _agree_before(differing: Array, band: int, width: int) -> Array:
    """Whether sketches that differ in these bits (n x 2 words) agree in a band before ``band``."""
    if not band:
        return np.zeros(len(differing), bool)
    bits = np.unpackbits(np.ascontiguousarray(differing).view(np.uint8), axis=1)
    bands = bits[:, : band * width].reshape(len(bits), band, width)
    found: Array = (bands.sum(axis=2) == 0).sum(axis=1) > 0
    return found


def _nearest(pairs: Array, distances: Array, left_out: int) -> tuple[Array, int]:
    """Leave out pairs that are not among the NEAREST of either image; return those left, and the
    sum of what is left out."""
    order = np.lexsort((distances, pairs["second"], pairs["first"]))
    pairs = pairs[order]
    distances = distances[order]
    # Several ways of turning an image can find one pair.
    once = np.ones(len(pairs), bool)
    once[1:] = pairs[1:] != pairs[:-1]
    pairs = pairs[once]
    distances = distances[once]
    kept = np.zeros(len(pairs), bool)
    for side, other in (("first", "second"), ("second", "first")):
        order = np.lexsort((pairs[other], distances, pairs[side]))
        ids = pairs[side][order]
        starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] + 1))
        ranks = np.arange(len(ids)) - np.repeat(starts, np.diff(starts, append=len(ids)))
        kept[order[ranks < NEAREST]] = True
    return pairs[kept], left_out + int((~kept).sum())


def _pairs(left: Array, right: Array) -> Array:
    pairs = np.empty(len(left), PAIR)
    pairs["first"] = np.minimum(left, right)
    pairs["second"] = np.maximum(left, right)
    return pairs
