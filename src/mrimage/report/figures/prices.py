"""What a thumbnail of an image would cost, so that the report costs about the same for any source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mrimage.report.tables.views import Tables

MAX_COST = 0.3
"""The most seconds that decoding an image for a thumbnail may take, as estimated from its size.

A PNG of 600 megapixels would take far longer.
"""

TOTAL_COST = 20.0
"""The most seconds of one core that all thumbnails of a run may take, as estimated."""

TOO_LARGE = "too large to show here"
"""Why an image has no picture, if decoding it would cost more than MAX_COST."""

# Seconds of one core for each pixel, by format and for all other formats.
_SECONDS_PER_PIXEL = {"jpeg": 4e-9, "webp": 15e-9, "png": 15e-9, "avif": 40e-9, "heif": 40e-9}
_OTHER_SECONDS_PER_PIXEL = 25e-9

_PROGRESSIVE = 5
"""Cost factor of a progressive JPEG: it needs all its passes, so a scaled decode saves little."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture of an image would cost, and its perceptual hash.

    ``phash`` has 16 hexadecimal digits, or is None. ``unseen`` says why there will be no picture.
    """

    phash: str | None
    unseen: str


def make_priced_view(tables: Tables) -> bool:
    """Make the view ``priced``: the images with the ``cost`` of decoding them, in seconds.

    Return whether the catalogue has the columns for it.
    """
    if not tables.has("width", "height", "format"):
        return False
    rates = " ".join(f"WHEN '{name}' THEN {rate}" for name, rate in _SECONDS_PER_PIXEL.items())
    cost = f"pixels * CASE format {rates} ELSE {_OTHER_SECONDS_PER_PIXEL} END"
    if tables.has("progressive"):
        cost += f" * CASE WHEN progressive THEN {_PROGRESSIVE} ELSE 1 END"
    tables.connection.execute(
        f"CREATE TEMP VIEW IF NOT EXISTS priced AS SELECT *, {cost} AS cost FROM image "
        "WHERE pixels > 0"
    )
    tables.connection.execute(
        "CREATE TEMP VIEW IF NOT EXISTS affordable AS "
        f"SELECT * FROM priced WHERE cost <= {MAX_COST}"
    )
    return True


def look_up(tables: Tables, uris: Sequence[str]) -> dict[str, Look]:
    """Return the looks of those images of ``uris`` that were processed and have a size."""
    if not uris or not make_priced_view(tables):
        return {}
    phash = "phash" if tables.has("phash") else "NULL"
    found = tables.rows(
        f"SELECT uri, {phash}, cost <= {MAX_COST} FROM priced WHERE list_contains(?, uri)",
        [list(uris)],
    )
    return {uri: Look(phash, "" if is_cheap else TOO_LARGE) for uri, phash, is_cheap in found}


def costs(tables: Tables, uris: Sequence[str]) -> dict[str, float]:
    """Return the seconds that decoding takes, as estimated, for those of ``uris`` that have a size."""
    if not make_priced_view(tables):
        return {}
    return dict(
        tables.rows("SELECT uri, cost FROM priced WHERE list_contains(?, uri)", [list(uris)])
    )
