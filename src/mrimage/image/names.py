"""The names that options take, without loading what they stand for."""

COLOR_SPACES = ("srgb", "gray", "display-p3", "adobe-rgb")
"""What ``--to`` takes."""

CORRECTION_NAMES = ("gray-world", "white-patch", "auto-levels", "equalize", "exposure")
"""What ``--correct`` takes."""

ENCODER_NAMES = ("jpeg", "png", "webp", "avif", "tiff", "keep")
"""What ``--format`` takes."""
