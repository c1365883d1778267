"""What a header says, before it is put into the words of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mrimage.errors import ImageError

Model = Literal["rgb", "gray", "cmyk", "lab", "ycbcr", "palette"]
"""How the stored samples of a pixel make a colour, whatever the profile."""

LONGEST_SIDE = 10_000_000
"""Pixels; no format's decoder here goes further, so a larger number is damage (libvips' own limit)."""


LONGEST_BLOCK = 32 << 20
"""Bytes of a profile or an EXIF block; a longer one is damage, or a bomb, and is left out."""

LONGEST_TEXT = 1 << 20
"""Bytes of an XMP packet or an IPTC block; a longer one is left out, like a bomb."""


@dataclass(slots=True)
class Header:
    """Facts of one file as stored: sizes in pixels before orientation, ``bands`` with alpha, depths in bits;
    None for what the header does not tell.

    ``associated`` says that the colors are multiplied by alpha. ``exif`` is a TIFF block, ``xmp`` an XMP packet, ``iptc``
    an IPTC block, bare or within Photoshop's resources, ``icc`` a profile; ``space`` is the color space that the container itself names
    (PNG chunks, an nclx box), and ``cicp`` its primaries and transfer function by their
    numbers in H.273 where those decide; ``colorants`` are the PNG's own primaries and gamma. ``upright`` says that the
    decoder has already turned the picture, so that the EXIF orientation is history. ``variant`` separates
    what one format's decoders separate, such as the lossless JPEG; ``body`` is where a
    JPEG's entropy-coded data begin; ``decoded_icc`` is the profile that the decoder of a JPEG XL gives with
    its pixels, whose own may be out of the header's reach. ``exif_after_pixels`` says that the EXIF block of a PNG stands
    behind the pixels, where it gives facts, but viewers, which show pixels as they come, do not turn them by it. ``gain_map`` says that an HDR gain map comes with the picture.
    """

    format: str
    width: int
    height: int
    bands: int
    bit_depth: int | None
    model: Model
    has_alpha: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    frames: int | None = 1
    progressive: bool | None = None
    dpi: float | None = None
    space: str | None = None
    cicp: tuple[int, int] | None = None
    colorants: tuple[float, ...] | None = None
    software: str | None = None
    upright: bool = False
    variant: str = ""
    body: int = 0
    decoded_icc: bytes | None = None
    associated: bool = False
    xmp: bytes | None = None
    iptc: bytes | None = None
    exif_after_pixels: bool = False
    gain_map: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.width <= LONGEST_SIDE and 0 < self.height <= LONGEST_SIDE):
            raise ImageError(
                "corrupt",
                f"Expected a width and a height above zero, but the header says {self.width}x{self.height}.",
            )

    @property
    def pixels(self) -> int:
        return self.width * self.height
