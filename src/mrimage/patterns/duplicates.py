"""``--find duplicates``: copies of images in the whole source, whatever the keys.

1. A round joins the images by bands of their sketches (``candidates``), and by hashes of their
   bytes and pixels.
2. Two rounds bring the signatures of each pair of candidates together, and lay their miniatures
   over each other (``lookup``, ``overlay``).
3. Components of the pairs are found in memory, 24 bytes for each image and each pair. In each, the
   best image is compared with all others by the same two rounds.
4. The best image keeps those that are its copies; the best of the rest keeps those that are its,
   and so on (``families``). So pictures that only a chain of others connects are no copies.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from mrimage.patterns.candidates import (
    EXACT,
    LEFT_OUT,
    PAIR,
    PAIRS,
    SAME_PIXELS,
    bits_of_bands,
    to_bands,
    to_pairs,
)
from mrimage.patterns.families import Facts, Found, best_of_components, families, to_rows
from mrimage.patterns.lookup import (
    Filter,
    compared,
    halves_alone,
    pairs_alone,
    to_signatures,
    with_first,
)
from mrimage.patterns.overlay import EDGE
from mrimage.patterns.signatures import Array
from mrimage.rounds.programs import FoundTable
from mrimage.rounds.round import Round
from mrimage.rounds.table import Table

LEAST = 0.5
"""Edges with less detail in common are not kept."""


def find_duplicates(
    images: Table, *, similar: str, keep: tuple[str, ...]
) -> Generator[Round, Table, FoundTable]:
    """Find copies, and return ``duplicates.parquet``."""
    count = len(images)
    side: dict[str, Any] = {"bits": bits_of_bands(count), "buckets": _buckets(count)}
    side["images"] = 1 << count.bit_length()  # a number that seldom changes as the source grows
    candidates = yield Round(images, to_bands, to_pairs, side=side)
    equal = {
        EXACT: _rows(candidates, EXACT, PAIR),
        SAME_PIXELS: _rows(candidates, SAME_PIXELS, PAIR),
    }
    edges = yield from _compare(images, candidates, _pairs_of(candidates), side)
    facts = Facts.read(images, [*equal.values(), edges])
    found = Found(facts, equal[EXACT], equal[SAME_PIXELS], edges, similar, keep)
    missing = best_of_components(found)
    if len(missing):
        more = yield from _compare(images, None, missing, side)
        found = found.with_edges(more)
    return FoundTable("duplicates", to_rows(found, families(found)))


def _compare(
    images: Table, candidates: Table | None, pairs: Array, side: dict[str, Any]
) -> Generator[Round, Table, Array]:
    """Compare ``pairs``, which the table ``candidates`` holds if there is one; return their edges."""
    if not len(pairs):
        return np.empty(0, EDGE)
    shared = side | {"least": LEAST}
    firsts = shared | {"filter": Filter.of(np.unique(pairs["first"])), "pairs": b""}
    if candidates:
        over = ([candidates, images], [pairs_alone, to_signatures])
    else:
        over = ([images], [to_signatures])
        firsts["pairs"] = pairs.tobytes()
    halves = yield Round(*over, with_first, side=firsts)
    seconds = shared | {"filter": Filter.of(np.unique(pairs["second"]))}
    edges = yield Round([halves, images], [halves_alone, to_signatures], compared, side=seconds)
    parts = [np.frombuffer(value, EDGE) for _, value in edges]
    return np.concatenate(parts) if parts else np.empty(0, EDGE)


def _rows(table: Table, kind: str, dtype: np.dtype[Any]) -> Array:
    parts = [np.frombuffer(value, dtype) for key, value in table if key == kind]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _pairs_of(table: Table) -> Array:
    parts = [
        np.frombuffer(value[1], PAIR)
        for key, value in table
        if key not in (EXACT, SAME_PIXELS, LEFT_OUT) and value[0] == PAIRS
    ]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, PAIR)


def _buckets(images: int) -> int:
    """Buckets of ids: of a few thousand images."""
    return min(512, max(4, images // 4000))
