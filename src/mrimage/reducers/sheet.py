"""Contact sheets: one picture that shows what a group holds."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter
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
"""Height of a picture in pixels."""

WIDEST = 1600
"""Width of a sheet in pixels, at most."""

GAP = 8
"""Pixels between tiles, and around them."""

CAPTION = 16
"""Height of a caption in pixels."""

NARROWEST = 72
"""Width of a tile in pixels, at least, so that its caption can be read."""

FLUSH = 40
"""The widest gap, in pixels, to which a row is spread so that it ends at the right edge."""

LIMIT = 96
"""Pictures on a sheet, at most."""

PROPORTION = 1.5
"""Width of a sheet over its height, as near as the tiles allow."""

EMPTY = 238
"""The gray of a tile whose image cannot be shown."""

Pixels: TypeAlias = "NDArray[np.uint8]"


def contact_sheet(images: Iterable[Entry | str], limit: int = LIMIT, title: str = "") -> Pixels:
    """A sheet of captioned thumbnails as pixels (uint8, H x W x 3, sRGB), row by row by uri.

    ``images`` is a stream of uris of any length. If it has more than ``limit``, those with the
    smallest hash of their uri are shown. This is a uniform sample, the same on every run, and the
    sheet's heading says so after its ``title``. An image that cannot be decoded leaves its tile
    empty and is quarantined.
    """
    import numpy as np

    counted = _Counted(images)
    chosen = sorted(sample(counted, limit), key=_uri)
    tiles = [_tile(image) for image in current().ahead(chosen, _itself)]
    width = _sheet_width(tiles)
    parts = []
    if title or counted.number > len(chosen):
        parts.append(_heading(title, len(chosen), counted.number, width))
    parts.append(_blank(width, GAP))
    rows = list(_rows(tiles, width - 2 * GAP))
    parts += [_row(row, width, last=row is rows[-1]) for row in rows]
    return np.vstack(parts)


def _tile(image: Entry | str) -> Pixels:
    """A picture of the given height, as wide as its shape requires, with its name below."""
    picture = current().thumbnail(image, 4 * HEIGHT, HEIGHT, "contain")
    height = HEIGHT
    width = HEIGHT
    if picture is not None:
        height, width = picture.shape[:2]
    tile = _blank(max(width, NARROWEST), HEIGHT + CAPTION + GAP)
    tile_width = tile.shape[1]
    top = (HEIGHT - height) // 2
    left = (tile_width - width) // 2
    tile[top : top + height, left : left + width] = EMPTY if picture is None else picture
    name = _uri(image).rpartition("/")[2]
    tile[HEIGHT : HEIGHT + CAPTION] = caption(name, tile_width, CAPTION)
    return tile


def _sheet_width(tiles: Sequence[Pixels]) -> int:
    """The width that leaves the least empty space while the sheet is near its PROPORTION."""
    widths = [tile.shape[1] for tile in tiles]
    # Only the widths that the first tiles fill exactly are of interest.
    ends = list(accumulate(width + GAP for width in widths))
    fits = [end - GAP for end in ends if max(widths) <= end - GAP <= WIDEST]

    def worth(width: int) -> float:
        rows = len(list(_rows(tiles, width)))
        filled = ends[-1] / ((width + GAP) * rows)
        height = rows * tiles[0].shape[0]
        proportion = width / height
        distortion = abs(math.log(proportion / PROPORTION))
        return float(filled - distortion / 4)

    return max(fits, key=worth, default=WIDEST) + 2 * GAP


def _rows(tiles: Iterable[Pixels], width: int) -> Iterator[list[Pixels]]:
    """Yield the tiles in order, as many in a row as ``width`` holds."""
    row: list[Pixels] = []
    filled = 0
    for tile in tiles:
        if row and filled + tile.shape[1] > width:
            yield row
            row = []
            filled = 0
        row.append(tile)
        filled += tile.shape[1] + GAP
    if row:
        yield row


def _row(tiles: Sequence[Pixels], width: int, *, last: bool) -> Pixels:
    """One row of a sheet.

    Its free space is divided among the gaps, so that rows end at the same edge, unless the gaps
    would be too wide or the row is the last one.
    """
    row = _blank(width, tiles[0].shape[0])
    room = width - 2 * GAP - sum(tile.shape[1] for tile in tiles)
    gaps = max(1, len(tiles) - 1)
    is_flush = not last and room <= FLUSH * gaps
    x = GAP
    for number, tile in enumerate(tiles):
        row[:, x : x + tile.shape[1]] = tile
        x += tile.shape[1]
        if is_flush:
            # Gaps differ by at most one pixel, and add up to the whole of the room.
            x += room * (number + 1) // gaps - room * number // gaps
        else:
            x += GAP
    return row


def _heading(title: str, shown: int, total: int, width: int) -> Pixels:
    """The line above a sheet: its title, how many images it shows, and of how many."""
    import numpy as np

    images = f"{total:,} image{'' if total == 1 else 's'}"
    count = images if shown == total else f"{shown:,} of {images}"
    text = f"{title}: {count}" if title else count
    return np.vstack([_blank(width, GAP), caption(text, width, CAPTION)])


class _Counted:
    """A stream of images, each counted once as it passes.

    The records of one image follow each other in the stream; only the first one passes.
    """

    def __init__(self, images: Iterable[Entry | str]) -> None:
        self._images = images
        self.number = 0

    def __iter__(self) -> Iterator[Entry | str]:
        last = ""
        for image in self._images:
            uri = _uri(image)
            if uri != last:
                self.number += 1
                yield image
            last = uri


def sample(images: Iterable[Entry | str], limit: int) -> list[Entry | str]:
    """Choose at most ``limit`` of ``images`` uniformly, by a hash of their uris.

    Each image must come only once. Memory is bounded.
    """
    return heapq.nsmallest(limit, images, key=_rank)


def _rank(image: Entry | str) -> tuple[bytes, str]:
    uri = _uri(image)
    return hashlib.blake2b(uri.encode(), digest_size=8).digest(), uri


def reduce_to_sheet(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group contact-sheet``: ``contact-sheet.jpg``."""
    entries = map(attrgetter("entry"), records)
    yield Output("contact-sheet.jpg", contact_sheet(entries, title=key))


def _itself(image: Entry | str) -> Entry | str:
    return image


def _uri(image: Entry | str) -> str:
    return image if isinstance(image, str) else image.uri


def _blank(width: int, height: int) -> Pixels:
    import numpy as np

    return np.full((height, width, 3), 255, np.uint8)
