"""What ``--dry-run`` says about the cost of an image."""

from __future__ import annotations

from mrimage.image.geometry import geometry_of, jpeg_shrink
from mrimage.types import Edits


def plan_scale(width: int, height: int, edits: Edits) -> str:
    """The scale at which a JPEG of ``width`` x ``height`` as displayed is decoded for ``edits``: ``1/8`` to ``1``.

    >>> plan_scale(4000, 3000, Edits(resize=(256, 256)))
    '1/4'
    """
    shrink = jpeg_shrink(geometry_of(width, height, edits))
    return {8: "1/8", 4: "1/4", 2: "1/2", 1: "1"}[shrink]
