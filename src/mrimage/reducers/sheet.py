"""Contact sheets: one picture that shows what a group holds."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from mrimage.image import caption
from mrimage.reducers.context import current
from mrimage.shuffle.records import Record
from mrimage.sink.output import Output
from mrimage.types import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEIGHT = 144
WIDEST = 1600
GAP = 8
CAPTION = 16
NARROWEST = 72
FLUSH = 40
LIMIT = 96
"""Height of a picture, width of a sheet at most, gaps, height of a caption, its least width, and the widest gap in a row
that is spread to the edge, all in pixels; and the most pictures on a sheet."""

NOTHING = 238
"""The gray of a tile whose image cannot be shown."""

Pixels: TypeAlias = "NDArray[np.uint8]"


def contact_sheet(images: Iterable[Entry | str], limit: int = LIMIT, title: str = "") -> Pixels:
    """A sheet of captioned thumbnails as pixels (uint8, H x W x 3, sRGB), in the order of their uris, row by row.

    ``images`` is a stream of uris of any length. Of more than ``limit`` the ones with the smallest hash of
    their uri are shown, a uniform sample that is the same on every run, and the sheet says so at its head, after
    its ``title``. An image that cannot be decoded leaves its tile empty and is quarantined.
    """
    import numpy as np

    counted = _Counted(images)
    chosen = sorted(sample(counted, limit), key=_uri)
    tiles = [_tile(image) for image in current().ahead(chosen, _same)]
    width = _sheet_width(tiles)
    rows = list(_rows(tiles, width - 2 * GAP))
    heads = (
        [_heading(title, len(chosen), counted.number, width)]
        if title or counted.number > len(chosen)
        else []
    )
    return np.vstack(
        [*heads, _blank(width, GAP), *(_row(row, width, last=row is rows[-1]) for row in rows)]
    )


def _tile(image: Entry | str) -> Pixels:
    """A picture of the given height, as wide as its own shape asks for, with its name below."""
    picture = current().thumbnail(image, 4 * HEIGHT, HEIGHT, "contain")
    height, width = picture.shape[:2] if picture is not None else (HEIGHT, HEIGHT)
    tile = _blank(max(width, NARROWEST), HEIGHT + CAPTION + GAP)
    top, left = (HEIGHT - height) // 2, (tile.shape[1] - width) // 2
    tile[top : top + height, left : left + width] = picture if picture is not None else NOTHING
    tile[HEIGHT : HEIGHT + CAPTION] = caption(
        _uri(image).rpartition("/")[2], tile.shape[1], CAPTION
    )
    return tile


def _sheet_width(tiles: Sequence[Pixels]) -> int:
    """The width at which the tiles leave the least room, and the sheet is about one and a half times as wide as high."""
    widths = accumulate(tile.shape[1] + GAP for tile in tiles)
    candidates = [width - GAP for width in widths if width - GAP <= WIDEST]

    def worth(width: int) -> float:
        rows = list(_rows(tiles, width))
        filled = sum(tile.shape[1] + GAP for tile in tiles) / ((width + GAP) * len(rows))
        shape = width / (len(rows) * tiles[0].shape[0])
        return float(filled - abs(math.log(shape / 1.5)) / 4)

    fits = [width for width in candidates if width >= max(tile.shape[1] for tile in tiles)]
    return max(fits, key=worth, default=WIDEST) + 2 * GAP


def _rows(tiles: Iterable[Pixels], width: int) -> Iterator[list[Pixels]]:
    """The tiles in order, as many in a row as its width holds."""
    row: list[Pixels] = []
    filled = 0
    for tile in tiles:
        if row and filled + tile.shape[1] > width:
            yield row
            row, filled = [], 0
        row.append(tile)
        filled += tile.shape[1] + GAP
    if row:
        yield row


def _row(tiles: Sequence[Pixels], width: int, *, last: bool) -> Pixels:
    """One row; the room that is left goes between its tiles, so that rows end at the same edge, unless it is
    too much."""
    row = _blank(width, tiles[0].shape[0])
    room = width - 2 * GAP - sum(tile.shape[1] for tile in tiles)
    gaps = max(1, len(tiles) - 1)
    flush = not last and room <= FLUSH * gaps
    x = GAP
    for number, tile in enumerate(tiles, 1):
        row[:, x : x + tile.shape[1]] = tile
        x += tile.shape[1] + (room * number // gaps - room * (number - 1) // gaps if flush else GAP)
    return row


def _heading(title: str, shown: int, of: int, width: int) -> Pixels:
    """What the sheet shows, and of how many."""
    import numpy as np

    images = f"{of:,} image{'' if of == 1 else 's'}"
    told = images if shown == of else f"{shown:,} of {images}"
    words = f"{title}: {told}" if title else told
    return np.vstack([_blank(width, GAP), caption(words, width, CAPTION)])


class _Counted:
    """A stream of images, each counted once as it passes; the records of one image follow each other."""

    def __init__(self, images: Iterable[Entry | str]) -> None:
        self._images = images
        self.number = 0

    def __iter__(self) -> Iterator[Entry | str]:
        last = ""
        for image in self._images:
            if (uri := _uri(image)) != last:
                self.number += 1
                yield image
            last = uri


def sample(images: Iterable[Entry | str], limit: int) -> list[Entry | str]:
    """At most ``limit`` of ``images``, each given once, chosen uniformly by a hash of their uris, in bounded memory."""
    ranked = (
        (hashlib.blake2b(_uri(image).encode(), digest_size=8).digest(), _uri(image), image)
        for image in images
    )
    return [image for _, _, image in heapq.nsmallest(limit, ranked, key=lambda item: item[:2])]


def reduce_to_sheet(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group contact-sheet``: ``contact-sheet.jpg``."""
    yield Output(
        "contact-sheet.jpg", contact_sheet((record.entry for record in records), title=key)
    )


def _same(image: Entry | str) -> Entry | str:
    return image


def _uri(image: Entry | str) -> str:
    return image if isinstance(image, str) else image.uri


def _blank(width: int, height: int) -> Pixels:
    import numpy as np

    return np.full((height, width, 3), 255, np.uint8)
