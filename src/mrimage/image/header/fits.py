"""FITS: cards of text before the pixels (FITS Standard 4.0, chapters 3 to 5), of which the first unit is read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model

CARD, UNIT = 80, 2880
_MOST_CARDS = 36_000
_VALUE = re.compile(r"=\s*([^/]*)")


@dataclass(frozen=True, slots=True)
class Layout:
    """``bits`` of a sample, below zero for floating-point numbers; what is meant is ``zero + scale * sample``."""

    bits: int
    width: int
    height: int
    planes: int
    zero: float
    scale: float
    start: int


def layout_of(blocks: Blocks) -> Layout:
    """The layout of the first unit. Raises ImageError."""
    cards, start = _cards(blocks)
    try:
        axes = [int(cards[f"NAXIS{number + 1}"]) for number in range(min(3, int(cards["NAXIS"])))]
        bits = int(cards["BITPIX"])
        zero, scale = (
            float(cards.get(name, default)) for name, default in (("BZERO", "0"), ("BSCALE", "1"))
        )
    except (KeyError, ValueError) as error:
        raise ImageError(
            "corrupt", f"Expected the size of the picture in the FITS header: {error}."
        ) from error
    if len(axes) < 2:
        raise ImageError(
            "unsupported",
            "Expected a picture in the first unit of the FITS file, but there is none.",
        )
    planes = axes[2] if len(axes) > 2 else 1
    return Layout(bits, axes[0], axes[1], planes if planes == 3 else 1, zero, scale, start)


def _cards(blocks: Blocks) -> tuple[dict[str, str], int]:
    """The values of the cards up to END by their keywords, and where the next unit of 2880 bytes begins."""
    found: dict[str, str] = {}
    for number in range(_MOST_CARDS):
        card = blocks.need(number * CARD, CARD).decode("latin-1")
        keyword = card[:8].rstrip()
        if keyword == "END":
            return found, -(-(number + 1) * CARD // UNIT) * UNIT
        value = _VALUE.match(card[8:])
        if value is not None:
            found.setdefault(keyword, value[1].strip())
    raise ImageError("corrupt", f"Expected the end of the FITS header within {_MOST_CARDS} cards.")


def read_fits(blocks: Blocks) -> Header:
    """Size and depth. Three planes are red, green and blue; of other cubes the first plane counts."""
    layout = layout_of(blocks)
    model: Model = "rgb" if layout.planes == 3 else "gray"
    return Header("fits", layout.width, layout.height, layout.planes, abs(layout.bits), model)
