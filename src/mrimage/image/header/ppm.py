"""PBM, PGM, PPM, PFM and PAM: a few words of text before the pixels.

Source: https://netpbm.sourceforge.net/doc/
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

PAM = b"P7\n"

_LONGEST = 4096
"""Bytes of a header, with its comments."""

_WHITE_BOUND = 65_536
"""Netpbm's values of white are below this."""

_PAM_LINE = re.compile(rb"^\s*(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,10})\s*$", re.MULTILINE)
_WORD = re.compile(rb"(?:[ \t\r\n\v\f]|#[^\n]*\n)*([^ \t\r\n\v\f#]{1,20})[ \t\r\n\v\f]")
"""A word after white space and comments."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples lie in the file.

    ``kind`` is ``P1`` to ``P7``, ``Pf`` or ``PF``. ``top`` is the sample value of white; in a PFM
    a negative one means little-endian samples. ``depth`` is the samples per pixel that a PAM
    states, 0 in other files. The pixels begin at byte ``start``.
    """

    kind: str
    width: int
    height: int
    top: float
    start: int
    depth: int = 0

    @property
    def bands(self) -> int:
        """Samples per pixel."""
        if self.depth:
            return self.depth
        return 3 if self.kind in ("P3", "P6", "PF") else 1

    @property
    def alpha(self) -> bool:
        """Whether the last band is alpha."""
        return self.depth in (2, 4)

    @property
    def floating(self) -> bool:
        """Whether the samples are floating-point numbers."""
        return self.kind in ("Pf", "PF")


def layout_of(head: bytes) -> Layout:
    """Return the layout from the first 4096 bytes of a file, or all of a shorter one.

    Raises ImageError: ``truncated``, ``corrupt``, or ``unsupported`` for a PAM of over 4 samples.
    """
    if head[:3] == PAM:
        return _pam_layout(head)
    kind = head[:2].decode("latin-1")
    words, start = _words(head, kind)
    try:
        width = int(words[0])
        height = int(words[1])
        top = float(words[2]) if len(words) > 2 else 1.0
    except ValueError as error:
        raise ImageError(
            "corrupt", f"The header of the {kind} image must consist of numbers: {error}."
        ) from error
    layout = Layout(kind, width, height, top, start)
    impossible = top == 0 or math.isnan(top)
    if impossible or (not layout.floating and not 0 < top < _WHITE_BOUND):
        raise ImageError("corrupt", _wrong_white(kind, repr(words[2])))
    return layout


def _words(head: bytes, kind: str) -> tuple[list[bytes], int]:
    """Return width, height and, except in bitmaps, white as text, and where the pixels begin."""
    words: list[bytes] = []
    position = 2
    for _ in range(2 if kind in ("P1", "P4") else 3):
        found = _WORD.match(head, position, _LONGEST)
        if found is None:
            raise ImageError(
                _reason(head),
                f"The {kind} image does not give its size in the first {_LONGEST} bytes.",
            )
        words.append(found[1])
        position = found.end()
    return words, position


def _reason(head: bytes) -> str:
    """Return why a header has no end: it is too long, or the file ends in it."""
    if len(head) >= _LONGEST:
        return "corrupt"
    return "truncated"


def _wrong_white(kind: str, given: str) -> str:
    return (
        f"White must be 1 to {_WHITE_BOUND - 1} in the {kind} image, but its header says {given}."
    )


def _pam_layout(head: bytes) -> Layout:
    """Return the layout of a PAM, whose header has a line for each fact, up to ENDHDR."""
    text, end, _ = head[:_LONGEST].partition(b"\nENDHDR\n")
    if not end:
        raise ImageError(
            _reason(head), f"The PAM header does not end within the first {_LONGEST} bytes."
        )
    numbers = {match[1]: int(match[2]) for match in _PAM_LINE.finditer(text)}
    try:
        width = numbers[b"WIDTH"]
        height = numbers[b"HEIGHT"]
        depth = numbers[b"DEPTH"]
        top = numbers[b"MAXVAL"]
    except KeyError as error:
        raise ImageError("corrupt", f"The header of the PAM image lacks {error}.") from error
    if not 1 <= depth <= 4:
        raise ImageError(
            "unsupported",
            f"Only PAM images of 1 to 4 samples per pixel can be read, but this one has {depth}.",
        )
    if not 0 < top < _WHITE_BOUND:
        raise ImageError("corrupt", _wrong_white("PAM", str(top)))
    return Layout("P7", width, height, float(top), len(text) + len(end), depth)


def read_ppm(blocks: Blocks) -> Header:
    """Read size and layout; the depth is the bits that the value of white needs."""
    layout = layout_of(blocks.at(0, _LONGEST))
    depth = 32 if layout.floating else int(layout.top).bit_length()
    return Header(
        "ppm",
        layout.width,
        layout.height,
        layout.bands,
        depth,
        model="rgb" if layout.bands > 2 else "gray",
        has_alpha=layout.alpha,
    )
