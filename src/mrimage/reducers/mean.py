"""The mean image of a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from mrimage.reducers.context import current
from mrimage.shuffle.records import Record
from mrimage.sink.output import Output

SIDE = 512
"""Longest side of the mean image in pixels."""


def reduce_to_mean(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group mean``: ``mean.png``, the per-pixel arithmetic mean in sRGB values, rounded half up.

    The canvas has the shape of the group's first image; the others are scaled to cover it and cut at the
    centre. Sums are whole numbers, so the result does not depend on the order. A group in which no image can
    be decoded has no mean.
    """
    import numpy as np

    total, count, width, height = None, 0, 0, 0
    for record in current().ahead(records, attrgetter("entry")):
        if not record.images:
            continue
        if total is None:
            first = current().thumbnail(record.entry, SIDE, SIDE, "contain")
            if first is None:
                continue
            height, width = first.shape[:2]
            total = np.zeros((height, width, 3), np.uint64)
        picture = current().thumbnail(record.entry, width, height, "cover", enlarge=True)
        if picture is not None:
            total += picture
            count += 1
    if total is not None and count:
        yield Output("mean.png", ((total + count // 2) // count).astype(np.uint8))
