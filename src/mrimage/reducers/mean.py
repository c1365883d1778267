"""The mean image of a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING

from mrimage.reducers.context import current
from mrimage.shuffle.records import Record
from mrimage.sink.output import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 512
"""Longest side of the mean image in pixels."""


def reduce_to_mean(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group mean``: ``mean.png``, the per-pixel arithmetic mean in sRGB, rounded half up.

    The canvas has the shape of the group's first image. All other images are scaled to cover it,
    and cropped around the center. Sums are integers, so the result does not depend on the order. A
    group in which no image can be decoded has no mean.
    """
    import numpy as np

    total: NDArray[np.uint64] | None = None
    count = 0
    for record in current().ahead(records, attrgetter("entry")):
        if not record.images:  # another record of the same image
            continue
        if total is None:
            first = current().thumbnail(record.entry, SIDE, SIDE, "contain")
            if first is None:
                continue
            total = np.zeros(first.shape, np.uint64)
        height, width = total.shape[:2]
        picture = current().thumbnail(record.entry, width, height, "cover", enlarge=True)
        if picture is not None:
            total += picture
            count += 1
    if total is not None and count:
        mean = (total + count // 2) // count
        yield Output("mean.png", mean.astype(np.uint8))
