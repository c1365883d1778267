"""Contact sheets: one picture that shows what a group holds."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mrimage.image import caption
from mrimage.reducers.context import current
from mrimage.shuffle.records import Record
from mrimage.sink.output import Output
from mrimage.types import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TILE = 192
GAP = 8
CAPTION = 16
LIMIT = 96
"""Sizes in pixels, and the most pictures on a sheet."""


def contact_sheet(images: Iterable[Entry | str], limit: int = LIMIT) -> NDArray[np.uint8]:
    """A sheet of captioned thumbnails as pixels (uint8, H x W x 3, sRGB), in the order of their uris.

    ``images`` is a stream of uris of any length. Of more than ``limit`` the ones with the smallest hash of
    their uri are shown: a uniform sample that is the same on every run. An image that cannot be decoded leaves
    its tile empty and is quarantined.
    """
    chosen = sorted(sample(images, limit), key=_uri)
    columns = max(1, min(8, math.ceil(math.sqrt(len(chosen) * 1.5))))
    rows = max(1, math.ceil(len(chosen) / columns))
    sheet = _blank(columns * (TILE + GAP) + GAP, rows * (TILE + CAPTION + GAP) + GAP)
    for number, image in enumerate(chosen):
        left = GAP + number % columns * (TILE + GAP)
        top = GAP + number // columns * (TILE + CAPTION + GAP)
        picture = current().thumbnail(image, TILE, TILE, "contain")
        if picture is not None:
            height, width = picture.shape[:2]
            y, x = top + (TILE - height) // 2, left + (TILE - width) // 2
            sheet[y : y + height, x : x + width] = picture
        sheet[top + TILE : top + TILE + CAPTION, left : left + TILE] = caption(
            _uri(image).rpartition("/")[2], TILE, CAPTION
        )
    return sheet


def sample(images: Iterable[Entry | str], limit: int) -> list[Entry | str]:
    """At most ``limit`` of ``images``, chosen uniformly by a hash of their uris, in bounded memory."""
    ranked = ((hashlib.blake2b(_uri(image).encode(), digest_size=8).digest(), _uri(image), image) for image in images)
    return [image for _, _, image in heapq.nsmallest(limit, _unique(ranked), key=lambda item: item[:2])]


def reduce_to_sheet(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group contact-sheet``: ``contact-sheet.jpg``."""
    yield Output("contact-sheet.jpg", contact_sheet(record.entry for record in records))


def _unique(ranked: Iterable[tuple[bytes, str, Entry | str]]) -> Iterator[tuple[bytes, str, Entry | str]]:
    """Records of one image follow each other; one of them is enough."""
    last = ""
    for item in ranked:
        if item[1] != last:
            yield item
        last = item[1]


def _uri(image: Entry | str) -> str:
    return image if isinstance(image, str) else image.uri


def _blank(width: int, height: int) -> NDArray[np.uint8]:
    import numpy as np

    return np.full((height, width, 3), 255, np.uint8)
