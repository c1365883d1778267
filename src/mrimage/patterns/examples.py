"""Labels by example: the label of an image is that of the examples that are most like it.

An image has a distance to each label: to the mean of its examples (M. Mensink et al., Distance-based
image classification: generalizing to new classes at near-zero cost, PAMI 35, 2013), or on average
to the NEAREST nearest of them. Which of the two is better is decided by leaving each example out in
turn. This also gives the confidence: the share of right labels among the examples that are as much
nearer to their first label than to the second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mrimage.image.example_set import ExampleSet
from mrimage.patterns.vectors import UNIT, Array, products, restored, squares, stored

NEAREST = 3
"""Examples of a label that count, if the nearest ones decide."""

UNSURE = "unsure"

_FAR = 1e18
"""The distance to a label without examples."""


def learn(column: str, labels: Sequence[str], vectors: Array) -> ExampleSet:
    """Return the set of these examples; ``vectors`` are whole numbers, shape (examples, d), and
    ``labels`` has one for each. There must be at least two labels."""
    names = sorted(set(labels))
    owners = np.array([names.index(label) for label in labels])
    best: tuple[int, str, Array, Array] | None = None
    for method in ("means", "neighbors"):
        distances = _left_out(method, vectors, owners, len(names))
        chosen, margins = _decide(distances)
        is_right = chosen == owners
        if best is None or is_right.sum() > best[0]:
            best = (int(is_right.sum()), method, margins, is_right)
    assert best
    right, method, margins, is_right = best
    starts, confidences = calibrate(margins, is_right)
    return ExampleSet(
        column=column,
        length=vectors.shape[1],
        labels=tuple(names),
        owners=tuple(owners.tolist()),
        vectors=stored(vectors),
        method=method,
        right=right,
        margins=starts,
        confidences=confidences,
    )


def label_of(examples: ExampleSet, vector: Sequence[float], least: float) -> dict[str, object]:
    """Return ``label`` and ``confidence`` of an image; below ``least``, the label is unsure."""
    owners, known = _arrays(examples)
    whole = np.rint(np.array([vector], np.float32) * UNIT)
    distances = _distances(examples.method, whole, known, owners, len(examples.labels))
    [chosen], [margin] = _decide(distances)
    place = np.searchsorted(examples.margins, margin, side="right") - 1
    confidence = examples.confidences[max(0, int(place))]
    label = examples.labels[chosen] if confidence >= least else UNSURE
    return {"label": label, "confidence": confidence}


@lru_cache(maxsize=2)
def _arrays(examples: ExampleSet) -> tuple[Array, Array]:
    return np.array(examples.owners), restored(examples.vectors, examples.length)


def _decide(distances: Array) -> tuple[Array, Array]:
    """Return the nearest label of each row, and how much nearer it is than the second one, as a
    share: 0 to 1."""
    chosen = distances.argmin(axis=1)
    two = np.partition(distances, 1, axis=1)[:, :2]
    margins = np.divide(
        two[:, 1] - two[:, 0], two[:, 1], out=np.zeros(len(two)), where=two[:, 1] > 0
    )
    return chosen, margins


def _distances(method: str, vectors: Array, known: Array, owners: Array, labels: int) -> Array:
    """The distance of each vector to each label, shape (vectors, labels)."""
    if method == "means":
        means = np.stack([_mean(known[owners == label]) for label in range(labels)])
        return np.sqrt(_squared(vectors, means))
    return _by_nearest(np.sqrt(_squared(vectors, known)), owners, labels)


def _left_out(method: str, known: Array, owners: Array, labels: int) -> Array:
    """The same for the examples themselves, each compared with all others."""
    if method == "neighbors":
        distances = np.sqrt(_squared(known, known))
        np.fill_diagonal(distances, _FAR)
        return _by_nearest(distances, owners, labels)
    found = _distances(method, known, known, owners, labels)
    for row, label in enumerate(owners):
        others = owners == label
        others[row] = False
        found[row, label] = _FAR
        if others.any():
            found[row, label] = np.sqrt(_squared(known[[row]], _mean(known[others])[None]))[0, 0]
    return found


def _by_nearest(distances: Array, owners: Array, labels: int) -> Array:
    """The mean of the NEAREST smallest distances to the examples of each label; ``distances`` has
    the shape (vectors, examples)."""
    columns = []
    for label in range(labels):
        own = np.sort(distances[:, owners == label], axis=1)[:, :NEAREST]
        is_there = own < _FAR
        counts = is_there.sum(axis=1)
        means = own.sum(axis=1, where=is_there) / np.maximum(counts, 1)
        columns.append(np.where(counts > 0, means, _FAR))
    return np.stack(columns, axis=1)


def _mean(vectors: Array) -> Array:
    """The mean of whole vectors, rounded to whole numbers."""
    count = len(vectors)
    total = vectors.astype(np.int64).sum(axis=0)
    mean: Array = ((2 * total + count) // (2 * count)).astype(np.float32)
    return mean


def _squared(vectors: Array, others: Array) -> Array:
    """Squared distances, exact, as float64, shape (vectors, others)."""
    lengths = squares(vectors)[:, None] + squares(others)
    return (lengths - 2 * products(vectors, others).astype(np.int64)).astype(np.float64)


def calibrate(margins: Array, is_right: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return margins that rise, and the share of right labels from each of them on.

    The share rises with the margin: where it would fall, neighbors are put together (pool adjacent
    violators; B. Zadrozny and C. Elkan, Transforming classifier scores into accurate multiclass
    probability estimates, KDD 2002). Each share counts one right and one wrong label more than there
    are, as Laplace did, so that few examples do not make certain.
    """
    blocks: list[list[float]] = []  # margin, right ones, all
    for place in np.argsort(margins, kind="stable"):
        blocks.append([float(margins[place]), float(is_right[place]), 1.0])
        while len(blocks) > 1 and _share(blocks[-2]) >= _share(blocks[-1]):
            _, right, count = blocks.pop()
            blocks[-1][1] += right
            blocks[-1][2] += count
    shares = [round((right + 1) / (count + 2), 4) for _, right, count in blocks]
    rising = np.maximum.accumulate(shares).tolist()
    return tuple(block[0] for block in blocks), tuple(rising)


def _share(block: list[float]) -> float:
    return block[1] / block[2]
