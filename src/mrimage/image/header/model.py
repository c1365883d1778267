"""The data class that every header reader returns, and the limits that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mrimage.errors import ImageError

Model = Literal["rgb", "gray", "cmyk", "lab", "ycbcr", "palette"]
"""How the stored samples of a pixel make a color, whatever the profile."""

LONGEST_SIDE = 10_000_000
"""Pixels. libvips has the same limit and no decoder here allows more, so a larger side is damage."""

LONGEST_BLOCK = 32 << 20
"""Bytes of a profile or an EXIF block. A longer one is damage or a bomb and is left out."""

LONGEST_TEXT = 1 << 20
"""Bytes of an XMP packet or an IPTC block. A longer one is left out for the same reason."""


@dataclass(slots=True)
class Header:
    """The facts of one file as stored; None where the header does not say.

    ``width`` and ``height`` are in pixels before orientation, ``bands`` counts alpha, and
    ``bit_depth`` is in bits per sample. Raises ImageError ``corrupt`` for an impossible size.
    """

    format: str
    width: int
    height: int
    bands: int
    bit_depth: int | None
    model: Model
    has_alpha: bool = False

    icc: bytes | None = None
    """The ICC profile."""

    exif: bytes | None = None
    """The EXIF block, which is a small TIFF."""

    frames: int | None = 1
    progressive: bool | None = None

    dpi: float | None = None
    """Dots per inch across."""

    space: str | None = None
    """The color space that the container itself names, in a PNG chunk or an nclx box."""

    cicp: tuple[int, int] | None = None
    """Primaries and transfer function by their numbers in ITU-T H.273, where those decide."""

    colorants: tuple[float, ...] | None = None
    """White, red, green and blue (CIE 1931 x and y) and the gamma of a PNG, where those decide."""

    software: str | None = None

    upright: bool = False
    """The decoder turns the image itself, so the EXIF orientation no longer applies."""

    variant: str = ""
    """What separates files of one format that need different decoders, e.g. ``lossless``."""

    body: int = 0
    """Byte at which a JPEG's entropy-coded data begin; 0 in other formats."""

    decoded_icc: bytes | None = None
    """The profile that the JPEG XL decoder returns with the pixels.

    The file compresses its own profile, so this module cannot read it.
    """

    associated: bool = False
    """The colors are multiplied by alpha."""

    xmp: bytes | None = None
    """The XMP packet."""

    iptc: bytes | None = None
    """The IPTC block, bare or within Photoshop's resources."""

    exif_after_pixels: bool = False
    """The EXIF block of a PNG comes after the pixels.

    Its facts count, but its orientation and color space do not: viewers show pixels as they
    arrive and so ignore both.
    """

    gain_map: bool = False
    """The file has an HDR gain map."""

    def __post_init__(self) -> None:
        width_fits = 0 < self.width <= LONGEST_SIDE
        height_fits = 0 < self.height <= LONGEST_SIDE
        if not (width_fits and height_fits):
            raise ImageError(
                "corrupt",
                f"The header says {self.width}x{self.height} pixels, "
                f"but both sides must be between 1 and {LONGEST_SIDE}.",
            )

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height
