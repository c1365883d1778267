"""What an ICC profile is called, and which color space it describes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from mrimage.image.color.cicp import space_of
from mrimage.image.color.curves import adobe_encoded, is_inverse, srgb_encoded
from mrimage.image.tags.directory import clean_text

DAMAGED = "damaged"
"""The model of a profile that cannot be used; such a one is treated as if it were not there."""

# Colorants as profiles store them: adapted to D50, X Y Z of red, green and blue, from the published profiles.
_COLORANTS = {
    "srgb": (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141),
    "adobe-rgb": (0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446),
    "display-p3": (0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841),
}
_TOLERANCE = 0.004

_ENCODED = {"srgb": srgb_encoded, "adobe-rgb": adobe_encoded, "display-p3": srgb_encoded}
"""Each space's function from linear light to its code."""

_CLASSES = frozenset([b"scnr", b"mntr", b"prtr", b"spac"])
_CONNECTION_SPACES = frozenset([b"XYZ ", b"Lab "])
"""Profiles that lead from the numbers of a device to colors; others lead from one device to another, or name colors."""

_TABLES = frozenset(["A2B0", "A2B1"])
_MOST_TAGS = 200

_LEAST_VOLUME = 1e-4
"""The least determinant of the colorants. sRGB's has 0.2, and that of a space a tenth as wide 0.002."""


@dataclass(frozen=True, slots=True)
class ProfileName:
    """``description`` in the profile's own words, ``space`` in the catalogue's, ``model`` as its signature."""

    description: str | None
    space: str | None
    model: str


@lru_cache(maxsize=256)
def profile_named(icc: bytes) -> ProfileName:
    """Name an ICC profile; a damaged one has no space.

    RGB spaces are known by their colorants, within 0.004, and by all three of their curves, within 1/255 of the
    code. The description does not count, because writers put anything there; and where a profile has a table, the
    table decides and not the colorants beside it.
    """
    tags = _tags(icc)
    model = icc[16:20].decode("latin-1").strip()
    description = _text(tags.get("desc", b""))
    if not _is_usable(icc, model, tags):
        return ProfileName(description, None, DAMAGED)
    if model != "RGB":
        return ProfileName(description, None, model)
    space = _rgb_space(tags)
    coded = tags.get("cicp", b"")
    if space == "rgb-other" and len(coded) >= 12:
        space = space_of(coded[8], coded[9])
    return ProfileName(description, space, model)


def _is_usable(icc: bytes, model: str, tags: dict[str, bytes]) -> bool:
    if not tags or icc[12:16] not in _CLASSES or icc[20:24] not in _CONNECTION_SPACES:
        return False
    return model != "RGB" or not _TABLES.isdisjoint(tags) or _spans_colors(_colorants(tags))


def _spans_colors(colorants: list[float] | None) -> bool:
    """Do three colorants make more than the mixtures of two? Zeros, say, would make every picture black."""
    if colorants is None:
        return False
    a, b, c, d, e, f, g, h, i = colorants
    return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) > _LEAST_VOLUME


def _tags(icc: bytes) -> dict[str, bytes]:
    """The tags of a profile (ICC.1:2022, 7.3); those that point outside of it are left out."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return {}
    count = min(struct.unpack(">I", icc[128:132])[0], (len(icc) - 132) // 12, _MOST_TAGS)
    table = (struct.unpack(">4sII", icc[132 + 12 * i : 144 + 12 * i]) for i in range(count))
    return {
        name.decode("latin-1"): icc[start : start + size]
        for name, start, size in table
        if start + size <= len(icc)
    }


def _text(tag: bytes) -> str | None:
    """A description: textDescriptionType of version 2, or the first of a multiLocalizedUnicodeType."""
    if tag[:4] == b"desc" and len(tag) >= 12:
        length = struct.unpack(">I", tag[8:12])[0]
        return clean_text(tag[12 : 12 + min(length, 4096)])
    if tag[:4] == b"mluc" and len(tag) >= 28:
        length, offset = struct.unpack(">II", tag[20:28])
        text = tag[offset : offset + min(length, 4096)].decode("utf-16-be", errors="ignore")
        return clean_text(text.encode())
    return None


def _rgb_space(tags: dict[str, bytes]) -> str:
    found = _colorants(tags)
    if found is None or not _TABLES.isdisjoint(tags):
        return "rgb-other"
    for space, colorants in _COLORANTS.items():
        if all(abs(a - b) < _TOLERANCE for a, b in zip(found, colorants, strict=True)):
            curves = (tags.get(name, b"") for name in ("rTRC", "gTRC", "bTRC"))
            return (
                space
                if all(is_inverse(curve, _ENCODED[space]) for curve in curves)
                else "rgb-other"
            )
    return "rgb-other"


def _colorants(tags: dict[str, bytes]) -> list[float] | None:
    """X, Y, Z of red, green and blue; None where one of them is missing or damaged."""
    found: list[float] = []
    for name in ("rXYZ", "gXYZ", "bXYZ"):
        body = tags.get(name, b"")
        if len(body) < 20:
            return None
        found.extend(value / 65_536 for value in struct.unpack(">3i", body[8:20]))
    return found
