"""The names that options accept, without loading what they name."""

COLOR_SPACES = ("srgb", "gray", "display-p3", "adobe-rgb")
"""The values of ``--to``."""

CORRECTION_NAMES = ("gray-world", "white-patch", "auto-levels", "equalize", "exposure")
"""The values of ``--correct``."""

ENCODER_NAMES = ("jpeg", "png", "webp", "avif", "tiff", "keep")
"""The values of ``--format``."""
