"""Text as pixels, for the captions of contact sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SIZE = 11
"""Height of the letters in pixels."""


def caption(text: str, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw ``text`` in dark gray on white, centered: uint8 ``height`` x ``width`` x 3.

    A text that is too long is cut and ends with an ellipsis. Unprintable characters become dots.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(SIZE)
    # No letter is narrower than two pixels.
    beginning = text[: width // 2]
    shown = "".join(char if char.isprintable() else "·" for char in beginning)
    while shown and font.getlength(shown) > width:
        shown = _shortened(shown)
    strip = Image.new("RGB", (width, height), "white")
    center = (width / 2, height / 2)
    ImageDraw.Draw(strip).text(center, shown, fill="#444444", font=font, anchor="mm")
    return np.asarray(strip)


def _shortened(text: str) -> str:
    """``text`` with one character less before its ellipsis; empty if nothing would be left."""
    if len(text) <= 2:
        return ""
    return text.removesuffix("…")[:-1] + "…"
