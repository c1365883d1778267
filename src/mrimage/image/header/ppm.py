"""PBM, PGM, PPM and PFM: a few words of text before the pixels (https://netpbm.sourceforge.net/doc/)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model

_LONGEST = 4096
_WORD = re.compile(rb"(?:[ \t\r\n\v\f]|#[^\n]*\n)*([^ \t\r\n\v\f#]{1,20})[ \t\r\n\v\f]")


@dataclass(frozen=True, slots=True)
class Layout:
    """``kind`` is ``P1`` to ``P6``, ``Pf`` or ``PF``; ``top`` the value of white (PFM: below zero for little-endian
    numbers); the pixels begin at ``start``."""

    kind: str
    width: int
    height: int
    top: float
    start: int

    @property
    def bands(self) -> int:
        return 3 if self.kind in ("P3", "P6", "PF") else 1

    @property
    def floating(self) -> bool:
        return self.kind in ("Pf", "PF")


def layout_of(head: bytes) -> Layout:
    """The layout in the first kilobytes of a file. Raises ImageError."""
    kind, position, words = head[:2].decode("latin-1"), 2, []
    for _ in range(2 if kind in ("P1", "P4") else 3):
        found = _WORD.match(head, position, _LONGEST)
        if found is None:
            reason = "corrupt" if len(head) >= _LONGEST else "truncated"
            raise ImageError(
                reason, f"Expected the size of the {kind} image in its first {_LONGEST} bytes."
            )
        words.append(found[1])
        position = found.end()
    try:
        width, height = int(words[0]), int(words[1])
        top = float(words[2]) if len(words) > 2 else 1.0
    except ValueError as error:
        raise ImageError(
            "corrupt", f"Expected numbers in the header of the {kind} image: {error}."
        ) from error
    layout = Layout(kind, width, height, top, position)
    if top != top or (not layout.floating and not 0 < top < 65_536) or top == 0:
        raise ImageError(
            "corrupt",
            f"Expected a white of 1 to 65535 in the {kind} image, but received {words[2]!r}.",
        )
    return layout


def read_ppm(blocks: Blocks) -> Header:
    """Size and layout; the depth is the bits that the value of white needs."""
    layout = layout_of(blocks.at(0, _LONGEST))
    depth = 32 if layout.floating else int(layout.top).bit_length()
    model: Model = "rgb" if layout.bands == 3 else "gray"
    return Header("ppm", layout.width, layout.height, layout.bands, depth, model)
