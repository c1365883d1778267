"""The names that options accept, without loading what they name."""

from mrimage.types import GROUP_CORRECTIONS

COLOR_SPACES = ("srgb", "gray", "display-p3", "adobe-rgb")
"""The values of ``--to``."""

_CORRECTIONS = ("gray-world", "white-patch", "auto-levels", "equalize", "exposure")

CORRECTION_NAMES = (*_CORRECTIONS, *GROUP_CORRECTIONS)
"""The values of ``--correct``."""

FORMAT_ALIASES = {"jpg": "jpeg", "tif": "tiff"}
"""Extensions that ``--format`` accepts for the names of formats."""

ENCODER_NAMES = ("jpeg", "png", "webp", "avif", "tiff", "keep")
"""The values of ``--format``."""
