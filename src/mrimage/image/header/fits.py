"""FITS: 80-byte cards of text before the pixels (FITS Standard 4.0, chapters 3 to 5).

Only the first header and data unit is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

CARD = 80
"""Bytes of a card."""

UNIT = 2880
"""Bytes; headers and data are padded to a multiple of it."""

_MOST_CARDS = 36_000
_VALUE = re.compile(r"=\s*([^/]*)")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples lie in the file.

    ``bits`` per sample are negative for floating-point numbers. The physical value of a sample is
    ``zero + scale * sample``. The samples begin at byte ``start``.
    """

    bits: int
    width: int
    height: int
    planes: int
    zero: float
    scale: float
    start: int


def layout_of(blocks: Blocks) -> Layout:
    """Return the layout of the first unit.

    Raises ImageError: ``corrupt`` without a size, ``unsupported`` without an image.
    """
    cards, start = _cards(blocks)
    try:
        dimensions = min(3, int(cards["NAXIS"]))
        axes = [int(cards[f"NAXIS{number + 1}"]) for number in range(dimensions)]
        bits = int(cards["BITPIX"])
        zero = float(cards.get("BZERO", "0"))
        scale = float(cards.get("BSCALE", "1"))
    except (KeyError, ValueError) as error:
        raise ImageError(
            "corrupt", f"The FITS header does not give the size of the image: {error}."
        ) from error
    if len(axes) < 2:
        raise ImageError("unsupported", "The first unit of the FITS file contains no image.")
    planes = 3 if len(axes) > 2 and axes[2] == 3 else 1
    return Layout(bits, axes[0], axes[1], planes, zero, scale, start)


def _cards(blocks: Blocks) -> tuple[dict[str, str], int]:
    """Return the cards' values up to END by keyword, and the byte at which the data begin."""
    found: dict[str, str] = {}
    for number in range(_MOST_CARDS):
        card = blocks.need(number * CARD, CARD).decode("latin-1")
        keyword = card[:8].rstrip()
        if keyword == "END":
            length = (number + 1) * CARD
            units = -(-length // UNIT)
            return found, units * UNIT
        value = _VALUE.match(card[8:])
        if value is not None:
            found.setdefault(keyword, value[1].strip())
    raise ImageError("corrupt", f"The FITS header does not end within {_MOST_CARDS} cards.")


def read_fits(blocks: Blocks) -> Header:
    """Read size and depth. Three planes are red, green and blue; of other cubes only the first is read."""
    layout = layout_of(blocks)
    return Header(
        "fits",
        layout.width,
        layout.height,
        bands=layout.planes,
        bit_depth=abs(layout.bits),
        model="rgb" if layout.planes == 3 else "gray",
    )
