"""What ``--dry-run`` reports about the cost of an image."""

from __future__ import annotations

from mrimage.image.geometry import geometry_of, jpeg_scale
from mrimage.types import Edits

_FRACTIONS = {1: "1/8", 2: "1/4", 4: "1/2", 8: "1"}


def plan_scale(width: int, height: int, edits: Edits) -> str:
    """Return the scale, ``1/8`` to ``1``, at which a JPEG is decoded for ``edits``.

    ``width`` and ``height`` are in pixels, as displayed.

    >>> plan_scale(4000, 3000, Edits(resize=(256, 256)))
    '1/4'
    """
    scale = jpeg_scale(geometry_of(width, height, edits))
    return _FRACTIONS[scale]
