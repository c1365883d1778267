"""Which images are copies of which, and which of them to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrimage.patterns.candidates import PAIR
from mrimage.patterns.overlay import CROPPED, WAYS, WHOLE
from mrimage.patterns.quality import order_of, reason_of
from mrimage.patterns.signatures import Array, ids_of
from mrimage.reducers.hamming import components
from mrimage.rounds.table import Table
from mrimage.tables.schemas import FOUND_DUPLICATES

TONED = 4.0
"""Levels of brightness and contrast by which a toned copy differs at least. Encoding changes a mean
by less than one."""

TONED_COSINE = 0.93
"""Below this cosine the colors differ: JPEG at quality 10 stays above."""

FACTS = ("uri", "width", "height", "size", "file", "format", "camera", "taken_at")


@dataclass(frozen=True, slots=True)
class Limits:
    """From what on two pictures are one (see ``overlay.EDGE``). The second pair of numbers is for
    windows, which need more because many are tried."""

    alike: float
    detail: float
    window_alike: float
    window_detail: float
    cosine: float
    turned: bool = True

    def accept(self, edges: Array, *, is_whole: Array) -> Array:
        """Whether the pictures of ``edges``, one or an array, are one. ``is_whole`` says that the one
        lies over all of the other."""
        whole = (edges["alike"] >= self.alike) & (edges["detail"] >= self.detail)
        whole &= edges["cosine"] >= self.cosine
        window = (edges["alike"] >= self.window_alike) & (edges["detail"] >= self.window_detail)
        fits: Array = np.where(is_whole, whole, window)
        return fits if self.turned else fits & (edges["way"] == 0)


LIMITS = {
    "copies": Limits(0.95, 0.85, 2, 2, 0.8, turned=False),
    "same-picture": Limits(0.9, 0.75, 0.9, 0.85, 0.75),
    "same-scene": Limits(0.75, 0.5, 0.8, 0.7, 0.4),
}
"""By the values of ``--similar``. Correlations are never above 1, so copies have no windows."""


@dataclass(frozen=True)
class Facts:
    """The images that have an edge, sorted by uri: their ids, and FACTS as a table."""

    ids: Array
    table: pa.Table

    @staticmethod
    def read(images: Table, pairs: Iterable[Array]) -> Facts:
        """Read the facts of all images in ``pairs``."""
        wanted = np.unique(np.concatenate([p[side] for p in pairs for side in ("first", "second")]))
        ids = []
        parts = []
        for _, batch in images:
            found = ids_of(batch["uri"].to_pylist())
            rows = np.flatnonzero(np.isin(found, wanted))
            ids.append(found[rows])
            parts.append(batch.select(FACTS).take(rows))
        if not parts:
            empty = pa.table({name: pa.nulls(0) for name in FACTS})
            return Facts(np.empty(0, "<u8"), empty)
        return Facts(np.concatenate(ids), pa.Table.from_batches(parts))

    def numbers(self, ids: Array) -> Array:
        """The rows of the images ``ids``."""
        order = np.argsort(self.ids)
        found: Array = order[np.searchsorted(self.ids, ids, sorter=order)]
        return found


@dataclass(frozen=True)
class Found:
    """The pairs that rounds have found, and what the job says about them."""

    facts: Facts
    exact: Array
    same_pixels: Array
    edges: Array
    similar: str
    keep: tuple[str, ...]

    def with_edges(self, edges: Array) -> Found:
        """Add edges."""
        return replace(self, edges=np.concatenate([self.edges, edges]))


@dataclass(frozen=True, slots=True)
class Relation:
    """How an image relates to the one that is kept: a kind, a score 0..1, and the rectangle that the
    smaller has in the larger: left, top, width, height in pixels."""

    kind: str
    score: float
    rectangle: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers of images: the one to keep, and its copies with their relations."""

    kept: int
    copies: tuple[tuple[int, Relation], ...]


def best_of_components(found: Found) -> Array:
    """Return the pairs of the best image of each component and those others that have no edge with it."""
    facts = found.facts
    first, second = _all_pairs(found)
    if not len(first):
        return np.empty(0, PAIR)
    roots = components(len(facts.ids), [(first, second)])
    rank = _ranks(found)
    order = np.lexsort((rank, roots))
    starts = np.flatnonzero(np.diff(roots[order], prepend=-1))
    best = np.empty(len(roots), np.int64)
    best[roots[order[starts]]] = order[starts]
    kept = best[roots]
    others = np.flatnonzero(kept != np.arange(len(roots)))
    known = set(zip(first.tolist(), second.tolist(), strict=True))
    missing = []
    for other, one in zip(others.tolist(), kept[others].tolist(), strict=True):
        if (other, one) not in known and (one, other) not in known:
            missing.append((facts.ids[one], facts.ids[other]))
    pairs = np.empty(len(missing), PAIR)
    for row, (one, other) in enumerate(missing):
        pairs[row] = (min(one, other), max(one, other))
    return np.unique(pairs)


def families(found: Found) -> Iterator[Family]:
    """Yield the families, in the order of the uris that are kept.

    The images of a component are taken from the best to the worst. One that belongs to no family
    yet gets all those of its copies that do not.
    """
    relations = _relations(found)
    rank = _ranks(found)
    order = np.argsort(rank, kind="stable").tolist()
    taken: set[int] = set()
    made = []
    for image in order:
        if image in taken:
            continue
        copies = [
            (other, relation)
            for other, relation in sorted(relations.get(image, {}).items())
            if other not in taken
        ]
        if copies:
            taken.add(image)
            taken.update(other for other, _ in copies)
            copies.sort(key=lambda copy: int(rank[copy[0]]))
            made.append(Family(image, tuple(copies)))
    made.sort(key=lambda family: family.kept)
    yield from made


def to_rows(found: Found, made: Iterable[Family]) -> pa.Table:
    """The rows of ``duplicates.parquet``. ``tables.schemas`` describes its columns."""
    facts = found.facts.table.to_pylist()
    rows: list[dict[str, Any]] = []
    for cluster, family in enumerate(made):
        kept = facts[family.kept]
        runner_up = facts[family.copies[0][0]]
        rows.append(_row(cluster, kept, keep=True, reason=reason_of(kept, runner_up, found.keep)))
        for number, relation in family.copies:
            fact = facts[number]
            row = _row(cluster, fact, keep=False, reason=reason_of(kept, fact, found.keep))
            if fact["file"] is not None and fact["file"] == kept["file"]:
                relation = Relation("same-file", 1.0)
            saved = 0 if relation.kind == "same-file" else fact["size"]
            row |= {
                "kind": relation.kind,
                "score": relation.score,
                "rectangle": relation.rectangle,
                "saved": saved,
            }
            rows.append(row)
    return pa.Table.from_pylist(rows, FOUND_DUPLICATES)


def _row(cluster: int, fact: dict[str, Any], *, keep: bool, reason: str) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "uri": fact["uri"],
        "keep": keep,
        "reason": reason,
        "width": fact["width"],
        "height": fact["height"],
        "bytes": fact["size"],
        "saved": 0,
    }


def _ranks(found: Found) -> Array:
    """The place of each image among all, the best first."""
    order = order_of(found.facts.table, found.keep)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def _all_pairs(found: Found) -> tuple[Array, Array]:
    parts = [found.exact, found.same_pixels, _accepted(found)]
    first = np.concatenate([part["first"] for part in parts])
    second = np.concatenate([part["second"] for part in parts])
    return found.facts.numbers(first), found.facts.numbers(second)


def _accepted(found: Found) -> Array:
    """The edges between pictures that are one, as strictly as the job says."""
    edges = found.edges
    edges = edges[LIMITS[found.similar].accept(edges, is_whole=edges["lies"] == WHOLE)]
    return edges[_of_one_shot(found.facts, edges)]


def _of_one_shot(facts: Facts, edges: Array) -> Array:
    """Whether the images of each edge may be of one shot: their cameras do not say otherwise.

    Two pictures of a burst were taken by one camera at different times. A raw file and a JPEG of
    one shot are no copies of each other either.
    """
    table = facts.table
    taken = table["taken_at"].cast(pa.int64()).to_numpy(zero_copy_only=False)
    camera = pc.is_valid(table["camera"]).to_numpy(zero_copy_only=False)
    is_raw = pc.equal(table["format"], pa.scalar("raw")).to_numpy(zero_copy_only=False)
    first = facts.numbers(edges["first"])
    second = facts.numbers(edges["second"])
    known = camera[first] & camera[second] & ~np.isnan(taken.astype(float)[first])
    known &= ~np.isnan(taken.astype(float)[second])
    differ = known & (taken[first] != taken[second])
    mixed = is_raw[first] != is_raw[second]
    found: Array = ~(differ | mixed)
    return found


def _relations(found: Found) -> dict[int, dict[int, Relation]]:
    """The relation of each image to each of its partners: ``relations[kept][other]``."""
    facts = found.facts
    table = facts.table
    relations: dict[int, dict[int, Relation]] = {}

    def add(kept: int, other: int, relation: Relation) -> None:
        relations.setdefault(kept, {})[other] = relation

    edges = _accepted(found)
    first = facts.numbers(edges["first"]).tolist()
    second = facts.numbers(edges["second"]).tolist()
    widths = table["width"].to_pylist()
    heights = table["height"].to_pylist()
    sizes = list(zip(widths, heights, strict=True))
    for row, one, other in zip(edges, first, second, strict=True):
        add(one, other, relation_of(row, sizes[one], sizes[other], is_first=True))
        add(other, one, relation_of(row, sizes[other], sizes[one], is_first=False))
    for pairs, kind in ((found.same_pixels, "same-pixels"), (found.exact, "exact")):
        for group in _equal_groups(facts, pairs):
            for one in group:
                for other in group:
                    if one != other:
                        add(one, other, Relation(kind, 1.0))
    return relations


def _equal_groups(facts: Facts, pairs: Array) -> Iterator[Sequence[int]]:
    """Yield groups of equal images. Each is the first of its pairs, and all that are paired with it."""
    first = facts.numbers(pairs["first"])
    second = facts.numbers(pairs["second"])
    roots = components(len(facts.ids), [(first, second)])
    members = np.unique(np.concatenate([first, second]))
    order = members[np.argsort(roots[members], kind="stable")]
    starts = np.flatnonzero(np.diff(roots[order], prepend=-1))
    for group in np.split(order, starts[1:]):
        if len(group):
            yield group.tolist()


def relation_of(
    edge: Any, kept: tuple[int, int], other: tuple[int, int], *, is_first: bool
) -> Relation:
    """How the other image of an edge relates to the kept one; ``is_first`` if that is the first."""
    way = WAYS[int(edge["way"])]
    if is_first and way.startswith("turned"):
        # The first picture is the second one turned; the kept one, turned back, is the other.
        way = {"turned 90": "turned 270", "turned 270": "turned 90"}.get(way, way)
    words = [] if way == WAYS[0] else [way]
    rectangle = None
    lies = int(edge["lies"])
    score = round(float(edge["detail"]), 3)
    if lies != WHOLE:
        kept_is_larger = (lies == CROPPED) == is_first
        words.append("cropped" if kept_is_larger else "pasted")
        larger = kept if kept_is_larger else other
        if lies == CROPPED or not words[1:]:
            rectangle = _in_pixels(edge["box"], larger)
    elif edge["tone"] >= TONED or edge["cosine"] < TONED_COSINE:
        words.append("toned")
    elif not words:
        words.append("re-encoded" if kept == other else "resized")
    return Relation(", ".join(words), score, rectangle)


def _in_pixels(box: Array, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, width, height = box.tolist()
    return (
        round(left * size[0]),
        round(top * size[1]),
        round(width * size[0]),
        round(height * size[1]),
    )
