"""The names that options accept, without loading what they name."""

COLOR_SPACES = ("srgb", "gray", "display-p3", "adobe-rgb")
"""The values of ``--to``."""

CORRECTION_NAMES = ("gray-world", "white-patch", "auto-levels", "equalize", "exposure")
"""The values of ``--correct``."""

FORMAT_ALIASES = {"jpg": "jpeg", "tif": "tiff"}
"""Extensions that ``--format`` accepts for the names of formats."""

ENCODER_NAMES = ("jpeg", "png", "webp", "avif", "tiff", "keep")
"""The values of ``--format``."""
