"""The description of an ICC profile, and the color space that it describes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from mrimage.image.color.cicp import space_of
from mrimage.image.color.curves import adobe_encoded, is_inverse, srgb_encoded
from mrimage.image.tags.directory import clean_text

DAMAGED = "damaged"
"""The model of a profile that cannot be used. Such a profile is ignored."""

_COLORANTS = {
    "srgb": (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141),
    "adobe-rgb": (0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446),
    "display-p3": (0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841),
}
"""X, Y, Z of red, green and blue, adapted to D50 as in the published profiles of each space."""

_TOLERANCE = 0.004
"""By how much X, Y and Z may differ: writers adapt to D50 and round in different ways."""

_ENCODED = {"srgb": srgb_encoded, "adobe-rgb": adobe_encoded, "display-p3": srgb_encoded}
"""Each space's function from linear light to code."""

_CLASSES = frozenset([b"scnr", b"mntr", b"prtr", b"spac"])
"""Profile classes that convert device values to colors.

The other classes convert from device to device, or name single colors.
"""

_CONNECTION_SPACES = frozenset([b"XYZ ", b"Lab "])

_TABLES = frozenset(["A2B0", "A2B1"])
"""Tags of tables from device values to colors, which override colorants and curves."""

_MOST_TAGS = 200
"""Tags that are read. Real profiles have a few dozen at most."""

_LONGEST_TEXT = 4096
"""Bytes of a description that are read."""

_LEAST_VOLUME = 1e-4
"""The smallest plausible determinant of the colorants.

sRGB's determinant is 0.2, that of a space a tenth as wide is 0.002.
"""


@dataclass(frozen=True, slots=True)
class ProfileName:
    """What identifies a profile.

    ``description`` is the profile's own text, ``space`` the catalogue's name of the color space,
    ``model`` the signature of the color model, such as ``RGB``, or DAMAGED.
    """

    description: str | None
    space: str | None
    model: str


@lru_cache(maxsize=256)
def profile_named(icc: bytes) -> ProfileName:
    """Identify an ICC profile. A damaged one has no space.

    An RGB space is recognized by its colorants, within 0.004, and by its three curves, within 1/255
    of the code. The description does not count, because writers put anything there. If a profile
    has a table, the colorants beside it do not count either.
    """
    tags = _tags(icc)
    model = icc[16:20].decode("latin-1").strip()
    description = _text(tags.get("desc", b""))
    if not _is_usable(icc, model, tags):
        return ProfileName(description, None, DAMAGED)
    if model != "RGB":
        return ProfileName(description, None, model)
    space = _rgb_space(tags)
    code_points = tags.get("cicp", b"")
    if space == "rgb-other" and len(code_points) >= 12:
        space = space_of(code_points[8], code_points[9])
    return ProfileName(description, space, model)


def _is_usable(icc: bytes, model: str, tags: dict[str, bytes]) -> bool:
    if not tags or icc[12:16] not in _CLASSES or icc[20:24] not in _CONNECTION_SPACES:
        return False
    if model != "RGB" or _has_table(tags):
        return True
    return _are_independent(_colorants(tags))


def _has_table(tags: dict[str, bytes]) -> bool:
    return not _TABLES.isdisjoint(tags)


def _are_independent(colorants: list[float] | None) -> bool:
    """Return whether no colorant is a mixture of the other two.

    If they are all zero, for example, every image would be black.
    """
    if colorants is None:
        return False
    a, b, c, d, e, f, g, h, i = colorants
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return abs(determinant) > _LEAST_VOLUME


def _tags(icc: bytes) -> dict[str, bytes]:
    """The tags of a profile (ICC.1:2022, 7.3), without those that point outside of it."""
    header_size = 128
    entry_size = 12
    first = header_size + 4
    if len(icc) < first or icc[36:40] != b"acsp":
        return {}
    stated_count = struct.unpack(">I", icc[header_size:first])[0]
    count = min(stated_count, (len(icc) - first) // entry_size, _MOST_TAGS)
    table = icc[first : first + entry_size * count]
    tags = {}
    for name, start, size in struct.iter_unpack(">4sII", table):
        if start + size <= len(icc):
            tags[name.decode("latin-1")] = icc[start : start + size]
    return tags


def _text(tag: bytes) -> str | None:
    """The text of a textDescriptionType, or the first text of a multiLocalizedUnicodeType."""
    if tag[:4] == b"desc" and len(tag) >= 12:
        length = struct.unpack(">I", tag[8:12])[0]
        return clean_text(tag[12 : 12 + min(length, _LONGEST_TEXT)])
    if tag[:4] == b"mluc" and len(tag) >= 28:
        length, offset = struct.unpack(">II", tag[20:28])
        stored = tag[offset : offset + min(length, _LONGEST_TEXT)]
        text = stored.decode("utf-16-be", errors="ignore")
        return clean_text(text.encode())
    return None


def _rgb_space(tags: dict[str, bytes]) -> str:
    found = _colorants(tags)
    if found is None or _has_table(tags):
        return "rgb-other"
    for space, colorants in _COLORANTS.items():
        if _are_close(found, colorants):
            return space if _has_curves_of(space, tags) else "rgb-other"
    return "rgb-other"


def _are_close(found: list[float], colorants: tuple[float, ...]) -> bool:
    return all(abs(a - b) < _TOLERANCE for a, b in zip(found, colorants, strict=True))


def _has_curves_of(space: str, tags: dict[str, bytes]) -> bool:
    curves = [tags.get(name, b"") for name in ("rTRC", "gTRC", "bTRC")]
    return all(is_inverse(curve, _ENCODED[space]) for curve in curves)


def _colorants(tags: dict[str, bytes]) -> list[float] | None:
    """X, Y, Z of red, green and blue; None if one of them is missing or damaged."""
    found: list[float] = []
    for name in ("rXYZ", "gXYZ", "bXYZ"):
        body = tags.get(name, b"")
        if len(body) < 20:
            return None
        stored = struct.unpack(">3i", body[8:20])
        found.extend(value / 65_536 for value in stored)
    return found
