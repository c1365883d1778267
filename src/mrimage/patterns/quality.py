"""Which of several copies is the one to keep, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from mrimage.patterns.signatures import Array

Fact = dict[str, Any]

Criterion = tuple[str, Callable[[Fact], Any]]
"""A reason in words, and a number of an image: the smaller, the better."""


def _pixels(fact: Fact) -> int:
    return -int(fact["width"]) * int(fact["height"])


def _bytes(fact: Fact) -> int:
    return -int(fact["size"])


def _has_exif(fact: Fact) -> bool:
    return fact["camera"] is None and fact["taken_at"] is None


def _taken(fact: Fact) -> float:
    return fact["taken_at"].timestamp() if fact["taken_at"] else float("inf")


def _uri(fact: Fact) -> str:
    return str(fact["uri"])


_PIXELS: Criterion = ("more pixels", _pixels)
_EXIF: Criterion = ("has EXIF", _has_exif)
_BYTES: Criterion = ("less compressed", _bytes)
_TAKEN: Criterion = ("taken earlier", _taken)
_FIRST: Criterion = ("first by name", _uri)

CRITERIA: dict[str, tuple[Criterion, ...]] = {
    "best": (_PIXELS, _EXIF, _BYTES, _FIRST),
    "largest": (_PIXELS, _BYTES, _FIRST),
    "oldest": (_TAKEN, _PIXELS, _BYTES, _FIRST),
    "original": (_EXIF, _TAKEN, _PIXELS, _BYTES, _FIRST),
    "first": (_FIRST,),
}
"""What decides, in this order, by the values of ``--keep``."""


def criteria_of(keep: tuple[str, ...]) -> tuple[Criterion, ...]:
    """What decides for a value of ``--keep``: a name of CRITERIA, or folders by preference."""
    if len(keep) == 1 and keep[0] in CRITERIA:
        return CRITERIA[keep[0]]
    folders = [name.strip("/").removeprefix("./") for name in keep]

    def place(fact: Fact) -> int:
        path = f"/{fact['uri']}"
        return next((n for n, name in enumerate(folders) if f"/{name}/" in path), len(folders))

    return (("in the preferred folder", place), *CRITERIA["best"])


def order_of(facts: pa.Table, keep: tuple[str, ...]) -> Array:
    """The numbers of the images, the best first."""
    rows = facts.to_pylist()
    functions = [function for _, function in criteria_of(keep)]
    keys = [tuple(function(row) for function in functions) for row in rows]
    return np.array(sorted(range(len(rows)), key=keys.__getitem__), np.int64)


def reason_of(kept: Fact, other: Fact, keep: tuple[str, ...]) -> str:
    """Why ``kept`` is better than ``other``: the first criterion by which it is."""
    for reason, function in criteria_of(keep):
        if function(kept) < function(other):
            return reason
    return _FIRST[0]
