"""Text as pixels, for the captions of contact sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SIZE = 11
"""Height of the letters in pixels."""


def caption(text: str, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``text`` in dark gray on white, centred, cut with an ellipsis to fit: uint8, ``height`` x ``width`` x 3.

    Characters that cannot be seen are shown as dots.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(SIZE)
    shown = "".join(char if char.isprintable() else "·" for char in text[: width // 2])
    while shown and font.getlength(shown) > width:
        shown = shown.removesuffix("…")[:-1] + "…" if len(shown) > 2 else ""
    strip = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(strip).text(
        (width / 2, height / 2), shown, fill="#444444", font=font, anchor="mm"
    )
    return np.asarray(strip)
