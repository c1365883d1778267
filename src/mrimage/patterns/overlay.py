"""Lays the miniatures of two pictures over each other: are they one picture, and how is the one made
of the other?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from mrimage.image.descriptor import permutations
from mrimage.image.miniature import SIDE
from mrimage.patterns.signatures import Array

WAYS = tuple(permutations())
"""The eight ways of turning and mirroring, by name; the first one changes nothing."""

WHOLE = 0
CROPPED = 1
PASTED = 2
"""How the second picture lies over the first: over all of it; it is a part of it; it contains it."""

EDGE = np.dtype(
    [
        ("first", "<u8"),
        ("second", "<u8"),
        ("way", "u1"),
        ("lies", "u1"),
        ("alike", "<f4"),
        ("detail", "<f4"),
        ("cosine", "<f4"),
        ("tone", "<f4"),
        ("box", "<f4", 4),
    ]
)
"""What is known of a pair of images.

The first picture is the second one changed in the ``way`` with this number. ``alike`` is the
correlation of the two, ``detail`` that of what is left without the shading, and ``cosine`` that of
the descriptors. ``tone`` is how far apart their levels are: of brightness and of contrast, 0..255
each, added up. ``box`` is left, top, width and height of the smaller picture in the larger, as
shares of it.
"""

PATCH = 16
"""A window is compared in this many pixels a side."""

COARSE = 8
"""And in so many when all windows are tried."""

PROMISING = 0.72
"""Only windows that are as much alike are moved and compared in detail."""

SCALES = (0.92, 0.85, 0.78, 0.71, 0.64, 0.57, 0.5)
"""Sides of the windows that are tried, as shares of the larger picture."""

FLAT = 1.5
"""Levels of 255: the least contrast that is not noise."""

BUSY = 0.3
"""The share of pixels with details from which on windows are tried."""

SURE = 0.85
"""Pictures whose details correlate as much are one: no windows are tried."""

WORTH_TRYING = 0.4
"""No windows are tried for pictures whose descriptors are less alike. Of pictures that keep 0.7 of
each side, one in twenty is."""

MANY = 256
"""Pairs that are compared at once."""


@lru_cache(maxsize=1)
def _turns() -> list[Any]:
    """What each way does to pictures N x H x W."""
    turns = []
    for way in WAYS:
        mirrored = way.startswith("mirrored")
        quarters = next((n for n in (1, 2, 3) if way.endswith(f"turned {90 * n}")), 0)
        turns.append((mirrored, quarters))
    return turns


def turned(pictures: Array, way: int) -> Array:
    """Turn and mirror pictures (N x H x W) in the way with this number."""
    mirrored, quarters = _turns()[way]
    if mirrored:
        pictures = pictures[:, :, ::-1]
    changed: Array = np.rot90(pictures, -quarters, axes=(1, 2))
    return changed


def compare(first: Array, second: Array) -> Array:
    """Compare pairs of images, rows of two arrays of SIGNATURE; return an EDGE for each."""
    edges = np.zeros(len(first), EDGE)
    for start in range(0, len(first), MANY):
        chunk = slice(start, start + MANY)
        edges[chunk] = _compare(first[chunk], second[chunk])
    return edges


def _compare(first: Array, second: Array) -> Array:
    edges = np.zeros(len(first), EDGE)
    edges["first"] = first["id"]
    edges["second"] = second["id"]
    edges["way"], edges["cosine"] = _best_way(first["descriptor"], second["descriptor"])
    a = first["miniature"].reshape(-1, SIDE, SIDE).astype(np.float64)
    b = second["miniature"].reshape(-1, SIDE, SIDE).astype(np.float64)
    for way in np.unique(edges["way"]).tolist():
        rows = edges["way"] == way
        b[rows] = turned(b[rows], way)
    edges["alike"] = _correlations(a, b)
    edges["detail"] = _correlations(_details(a), _details(b))
    edges["tone"] = _tone(a, b)
    edges["box"] = (0, 0, 1, 1)
    is_open = (edges["cosine"] >= WORTH_TRYING) & _is_busy(a) & _is_busy(b)
    for lies, outer, inner in ((CROPPED, a, b), (PASTED, b, a)):
        rows = np.flatnonzero(is_open & (edges["detail"] < SURE))
        if len(rows):
            _try_windows(edges, rows, lies, outer[rows], inner[rows])
    return edges


def _best_way(first: Array, second: Array) -> tuple[Array, Array]:
    """The way of turning the second picture that makes the descriptors most alike, and their cosine."""
    a = first.astype(np.float32)
    b = second.astype(np.float32)
    products = np.stack([(a * b[:, way]).sum(axis=1) for way in permutations().values()])
    lengths = np.sqrt((a * a).sum(axis=1).astype(np.float64) * (b * b).sum(axis=1))
    best = products.argmax(axis=0)
    cosines = products.max(axis=0) / np.maximum(1, lengths)
    return best, np.round(cosines, 4)


def _is_busy(pictures: Array) -> Array:
    """Whether each picture has details in many places. A logo or a drawing on plain ground fits
    into windows of many others."""
    shares = (np.abs(_details(pictures)) > 2 * FLAT).mean(axis=(1, 2))
    is_busy: Array = shares >= BUSY
    return is_busy


def _tone(a: Array, b: Array) -> Array:
    means = np.abs(a.mean(axis=(1, 2)) - b.mean(axis=(1, 2)))
    spreads = np.abs(a.std(axis=(1, 2)) - b.std(axis=(1, 2)))
    tone: Array = np.round(means + spreads, 2)
    return tone


def _correlations(a: Array, b: Array) -> Array:
    """Pearson's correlation of each picture with its counterpart, -1..1; near 0 for flat ones.

    Both have shape (..., H, W). A picture with less contrast than FLAT counts as having that much,
    so that noise and rounding do not correlate. Three decimals are kept; digits after them are
    noise.
    """
    a = a - a.mean(axis=(-2, -1), keepdims=True)
    b = b - b.mean(axis=(-2, -1), keepdims=True)
    products = (a * b).sum(axis=(-2, -1))
    flat = FLAT**2 * a.shape[-1] * a.shape[-2]
    lengths = np.maximum(flat, (a * a).sum(axis=(-2, -1)))
    lengths = np.sqrt(lengths * np.maximum(flat, (b * b).sum(axis=(-2, -1))))
    found: Array = np.round(products / lengths, 3)
    return found


def _details(pictures: Array) -> Array:
    """Pictures (N x H x W) less their mean over 5 x 5 pixels: without shading. Two pixels of each
    edge are left out."""
    height, width = pictures.shape[1:]
    rows = np.sum([pictures[:, step : step + height - 4] for step in range(5)], axis=0)
    columns = [rows[:, :, step : step + width - 4] for step in range(5)]
    blurred = np.sum(columns, axis=0) / 25
    detail: Array = pictures[:, 2:-2, 2:-2] - blurred
    return detail


def _try_windows(edges: Array, rows: Array, lies: int, outer: Array, inner: Array) -> None:
    """Look for the inner pictures in windows of the outer ones; where that fits better, say so in
    ``edges[rows]``."""
    small = _shrunk(inner)
    alike = np.full(len(rows), -1.0)
    boxes = np.zeros((len(rows), 4))
    coarse_outer = _shrunk(outer)
    coarse_small = _shrunk(small)
    for scale in SCALES:
        _try_scale(coarse_outer, coarse_small, scale, alike, boxes)
    promising = alike >= PROMISING
    rows = rows[promising]
    if not len(rows):
        return
    outer = outer[promising]
    small = small[promising]
    boxes = boxes[promising]
    alike = _refined(outer, small, boxes)
    windows = np.stack(
        [_window(picture, *box.tolist()) for picture, box in zip(outer, boxes, strict=True)]
    )
    detail = _correlations(_details(windows), _details(small))
    better = detail > edges["detail"][rows]
    chosen = rows[better]
    edges["lies"][chosen] = lies
    edges["alike"][chosen] = alike[better]
    edges["detail"][chosen] = detail[better]
    edges["box"][chosen] = boxes[better]


def _shrunk(pictures: Array) -> Array:
    """Pictures N x H x H as N x H/2 x H/2."""
    side = pictures.shape[1] // 2
    half: Array = pictures.reshape(-1, side, 2, side, 2).mean(axis=(2, 4))
    return half


def _try_scale(outer: Array, small: Array, scale: float, alike: Array, boxes: Array) -> None:
    offsets = _offsets(scale)
    side = outer.shape[1]
    weights = np.stack([_samples(offset, scale, side, COARSE) for offset in offsets])
    columns = np.einsum("nhw,jqw->njhq", outer, weights)
    for top, rows in zip(offsets, weights, strict=True):
        windows = np.einsum("ph,njhq->njpq", rows, columns)
        found = _correlations(windows, small[:, None])
        best = found.argmax(axis=1)
        value = found[np.arange(len(best)), best]
        better = value > alike
        alike[better] = value[better]
        boxes[better, 0] = np.array(offsets)[best[better]]
        boxes[better, 1] = top
        boxes[better, 2:] = scale


@lru_cache(maxsize=16)
def _offsets(scale: float) -> tuple[float, ...]:
    """Where windows of this size begin: about two pixels of the miniature apart."""
    free = 1 - scale
    count = max(2, round(free * SIDE / 2) + 1)
    return tuple(round(free * number / (count - 1), 4) for number in range(count))


@lru_cache(maxsize=4096)
def _samples(start: float, length: float, side: int, patch: int) -> Array:
    """How much each of ``side`` pixels counts for each of ``patch`` in a window, by the area that they
    share; shape (patch, side)."""
    edges = (start + length * np.arange(patch + 1) / patch) * side
    pixels = np.arange(side)
    upper = np.minimum(edges[1:, None], pixels + 1)
    lower = np.maximum(edges[:-1, None], pixels)
    shares = np.clip(upper - lower, 0, None)
    weights: Array = shares / shares.sum(axis=1, keepdims=True)
    return weights


def _window(picture: Array, left: float, top: float, width: float, height: float) -> Array:
    rows = _samples(top, height, SIDE, PATCH)
    columns = _samples(left, width, SIDE, PATCH)
    window: Array = rows @ picture @ columns.T
    return window


def _refined(outer: Array, small: Array, boxes: Array) -> Array:
    """Improve each box by small steps, as long as the pictures become more alike; return how much they
    are."""
    alike = np.empty(len(outer))
    for row in range(len(outer)):
        alike[row] = _correlations(_window(outer[row], *boxes[row].tolist()), small[row])
        for step in (0.03, 0.015, 0.0075):
            for _ in range(6):
                found = _step(outer[row], small[row], alike[row], boxes[row], step)
                if found is None:
                    break
                alike[row], boxes[row] = found
    return alike


def _step(
    picture: Array, small: Array, alike: float, box: Array, step: float
) -> tuple[float, Array] | None:
    """The best neighbor of a box, if it is better than the box."""
    best = None
    for other in _neighbors(box, step):
        value = float(_correlations(_window(picture, *other), small))
        if value > alike:
            alike = value
            best = (value, np.array(other))
    return best


def _neighbors(box: Array, step: float) -> Iterator[tuple[float, float, float, float]]:
    """Boxes that differ by ``step`` in place or size, within the picture."""
    left, top, width, height = box.tolist()
    moves = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (-0.5, -0.5, 1, 1)]
    for move in moves:
        for sign in (-step, step):
            x, y, w, h = (
                round(value + sign * by, 4)
                for value, by in zip((left, top, width, height), move, strict=True)
            )
            if x >= 0 and y >= 0 and w >= 0.3 and h >= 0.3 and x + w <= 1 and y + h <= 1:
                yield x, y, w, h
