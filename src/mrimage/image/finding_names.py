"""The columns of ``findings``, and what they need to know of a file, without loading numpy."""

from __future__ import annotations

from dataclasses import dataclass

MEASURED = (
    "blurred",
    "dark",
    "bright",
    "low_contrast",
    "low_information",
    "color_cast",
    "compressed",
    "upscaled",
    "screenshot",
    "page",
    "border",
)
"""The columns of ``findings`` that one image alone shows."""

OF_PILE = ("odd_size", "odd_shape")
"""Those that need all images of the source; a run computes them when it publishes."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says about its picture.

    ``quality`` is that of a JPEG, 1 to 100, else None. ``whole`` says whether the small picture has
    every pixel of the image. ``camera`` says whether a camera is named.
    """

    quality: float | None = None
    whole: bool = False
    camera: bool = False
