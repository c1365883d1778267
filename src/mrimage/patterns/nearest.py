"""The images of a run that are copies of given pictures: ``mrimage similar``."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrimage.image.descriptor import permutations
from mrimage.patterns.families import LIMITS, relation_of
from mrimage.patterns.overlay import WHOLE, WORTH_TRYING, compare
from mrimage.patterns.signatures import SIGNATURE, Array, ids_of, miniatures, whole_descriptors

COLUMNS = ("sha256", "picture_hash", "descriptor", "miniature", "width", "height", "size")
"""The columns of the catalogue that are needed, besides the uri."""

TRIED = 40
"""Images that a picture is laid over, at most: those with the nearest descriptors."""


@dataclass(frozen=True, slots=True)
class Known:
    """A picture or an image: its row of SIGNATURE, hashes, and size in pixels."""

    uri: str
    signature: Array
    sha256: str
    picture: tuple[str, int, int]

    @property
    def size(self) -> tuple[int, int]:
        return self.picture[1:]


@dataclass(frozen=True, slots=True)
class Match:
    """An image that is a copy of a picture. ``kind``, ``score`` and ``rectangle`` say how the image
    relates to the picture, as in ``duplicates.parquet``."""

    uri: str
    kind: str
    score: float
    rectangle: tuple[int, int, int, int] | None


@dataclass
class _Search:
    """A picture, the images with its bytes or pixels, and the nearest ones so far."""

    wanted: Known
    equal: list[Match] = field(default_factory=list)
    nearest: list[tuple[float, str, Known]] = field(default_factory=list)

    def add(self, cosine: float, image: Known) -> None:
        """Keep an image if it is among the TRIED nearest."""
        heapq.heappush(self.nearest, (cosine, image.uri, image))
        if len(self.nearest) > TRIED:
            heapq.heappop(self.nearest)


def known_images(batch: Any) -> list[Known]:
    """The images of a batch with the columns COLUMNS."""
    uris = batch["uri"].to_pylist()
    signatures = np.empty(len(uris), SIGNATURE)
    signatures["id"] = ids_of(uris)
    signatures["descriptor"] = whole_descriptors(batch)
    signatures["miniature"] = miniatures(batch)
    names = ("sha256", "picture_hash", "width", "height")
    columns = [batch[name].to_pylist() for name in names]
    rows = zip(uris, signatures, *columns, strict=True)
    return [Known(uri, row, sha, (picture, w, h)) for uri, row, sha, picture, w, h in rows]


def find_similar(
    wanted: Iterable[Known], batches: Iterable[Any], similar: str
) -> Iterator[tuple[Known, list[Match]]]:
    """Yield each wanted picture with its copies among the images of ``batches``, the best first.

    Each batch is compared with all pictures at once. ``similar`` is a value of ``--similar``.
    """
    searches = [_Search(one) for one in wanted]
    if not searches:
        return
    descriptors = np.stack([search.wanted.signature["descriptor"] for search in searches])
    for batch in batches:
        images = known_images(batch)
        cosines = _cosines(descriptors, whole_descriptors(batch))
        for search, row in zip(searches, cosines, strict=True):
            _look(search, images, row)
    for search in searches:
        yield search.wanted, [*search.equal, *_overlaid(search, similar)]


def _cosines(wanted: Array, found: Array) -> Array:
    """The cosine of each pair of descriptors, in the way of turning that makes it largest."""
    one = wanted.astype(np.float32)
    other = found.astype(np.float32)
    best = np.zeros((len(one), len(other)), np.float32)
    for way in permutations().values():
        # Sums of whole numbers: exact in any order.
        np.maximum(best, one[:, way] @ other.T, out=best)
    lengths = np.sqrt((one * one).sum(axis=1))[:, None] * np.sqrt((other * other).sum(axis=1))
    cosines: Array = best / np.maximum(1, lengths)
    return cosines


def _look(search: _Search, images: list[Known], cosines: Array) -> None:
    wanted = search.wanted
    for image in images:
        if image.sha256 == wanted.sha256:
            search.equal.append(Match(image.uri, "exact", 1.0, None))
        elif image.picture == wanted.picture:
            search.equal.append(Match(image.uri, "same-pixels", 1.0, None))
    near = np.flatnonzero(cosines >= WORTH_TRYING)
    for row in near[np.argsort(-cosines[near], kind="stable")][:TRIED].tolist():
        search.add(float(cosines[row]), images[row])


def _overlaid(search: _Search, similar: str) -> list[Match]:
    """The images that lie over the picture, the best first."""
    wanted = search.wanted
    done = {match.uri for match in search.equal}
    images = [image for _, _, image in search.nearest if image.uri not in done]
    if not images:
        return []
    first = np.stack([wanted.signature] * len(images))
    edges = compare(first, np.stack([image.signature for image in images]))
    limits = LIMITS[similar]
    matches = []
    for edge, image in zip(edges, images, strict=True):
        if limits.accept(edge, is_whole=edge["lies"] == WHOLE):
            relation = relation_of(edge, wanted.size, image.size, is_first=True)
            matches.append(Match(image.uri, relation.kind, relation.score, relation.rectangle))
    matches.sort(key=lambda match: (-match.score, match.uri))
    return matches
