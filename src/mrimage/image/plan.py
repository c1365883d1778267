"""What ``--dry-run`` reports about the cost of an image."""

from __future__ import annotations

from mrimage.image.geometry import geometry_of, jpeg_shrink
from mrimage.types import Edits

_FRACTIONS = {8: "1/8", 4: "1/4", 2: "1/2", 1: "1"}


def plan_scale(width: int, height: int, edits: Edits) -> str:
    """Return the scale, ``1/8`` to ``1``, at which a JPEG is decoded for ``edits``.

    ``width`` and ``height`` are in pixels, as displayed.

    >>> plan_scale(4000, 3000, Edits(resize=(256, 256)))
    '1/4'
    """
    shrink = jpeg_shrink(geometry_of(width, height, edits))
    return _FRACTIONS[shrink]
