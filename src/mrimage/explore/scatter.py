"""The map of the pile: a place for each image, near those that look like it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.explore.bins import ArrowColumn
from mrimage.explore.pile import VECTORS, Pile

Numbers = np.ndarray[Any, np.dtype[Any]]

CLUSTERS = "clusters.parquet"

NOWHERE = 65535
"""The coordinate of an image that has no place."""

LEARNED = 20_000
"""Vectors that the directions of the map are learned from, evenly spread over the rows."""

MARGIN = 0.02
"""The share of images at each edge that may be drawn at the edge itself."""


@dataclass(frozen=True)
class Scatter:
    """``x`` and ``y`` of each image, uint16 from 0 to 65534, NOWHERE without a place. ``about`` says
    what they mean."""

    x: Numbers
    y: Numbers
    about: str


def scatter(pile: Pile) -> Scatter | None:
    """Return the map: x and y of clusters.parquet if the run wrote them, else the two directions in
    which the vectors of the images differ most; None if there is neither."""
    placed = _from_clusters(pile)
    if placed is not None:
        about = "Pictures that look alike are near each other, as the run placed them."
        return Scatter(_scaled(placed[0]), _scaled(placed[1]), about)
    vectors = [name for name in VECTORS if name in pile.schema.names]
    if not vectors:
        return None
    about = (
        f"The two directions in which the {vectors[0]}s of the pictures differ most (principal "
        "components). Neighbors on the map look alike in these two ways only."
    )
    x, y = _from_vectors(pile, vectors[0])
    return Scatter(_scaled(x), _scaled(y), about)


def _from_clusters(pile: Pile) -> tuple[Numbers, Numbers] | None:
    path: Path = pile.results / CLUSTERS
    if path.is_symlink() or not path.is_file():
        return None
    if not {"uri", "x", "y"} <= set(pq.read_schema(path).names):
        return None
    table = pq.read_table(path, columns=["uri", "x", "y"])
    rows: ArrowColumn = pc.index_in(table["uri"], value_set=pile.uris.combine_chunks())
    known = np.asarray(rows.is_valid().combine_chunks())
    at = np.asarray(rows.fill_null(0).combine_chunks())[known]
    found = []
    for name in ("x", "y"):
        values = np.full(pile.count, np.nan, np.float32)
        values[at] = table[name].to_numpy()[known]
        found.append(values)
    return found[0], found[1]


def _from_vectors(pile: Pile, name: str) -> tuple[Numbers, Numbers]:
    """Project the vectors on their first two principal components (Pearson, On lines and planes of
    closest fit to systems of points in space, 1901)."""
    step = max(1, pile.count // LEARNED)
    sample = np.concatenate([vectors[::step] for _, vectors in pile.vectors(name)])
    mean = sample.mean(axis=0)
    covariance = np.cov(sample - mean, rowvar=False)
    _, directions = np.linalg.eigh(covariance)
    axes = directions[:, [-1, -2]]
    # A direction has no sign of its own: its largest number is made positive, always the same.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    places = np.full((pile.count, 2), np.nan, np.float32)
    for rows, vectors in pile.vectors(name):
        places[rows] = (vectors - mean) @ axes
    return places[:, 0], places[:, 1]


def _scaled(values: Numbers) -> Numbers:
    known = np.isfinite(values)
    scaled = np.full(len(values), NOWHERE, np.uint16)
    if known.any():
        low, high = np.percentile(values[known], [100 * MARGIN, 100 - 100 * MARGIN])
        room = (high - low) * 0.1 or 1.0
        shares = (values[known] - (low - room)) / (high - low + 2 * room)
        scaled[known] = np.clip(shares * (NOWHERE - 1), 0, NOWHERE - 1).astype(np.uint16)
    return scaled
