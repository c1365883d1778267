"""ICC profiles: what they are called, which colour space they describe, and the few that outputs are tagged with."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache

from mrimage.image.tags.directory import clean_text

Chromaticities = tuple[float, ...]

SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
DISPLAY_P3: Chromaticities = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT_2020: Chromaticities = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
"""White, red, green, blue, each as CIE 1931 x and y (IEC 61966-2-1; Adobe RGB (1998) 4.3.1; SMPTE EG 432-1, D65;
Rec. ITU-R BT.2020-2, table 3)."""

# Colorants as profiles store them: adapted to D50, X Y Z of red, green and blue, from the published profiles.
_COLORANTS = {
    "srgb": (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141),
    "adobe-rgb": (0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446),
    "display-p3": (0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841),
}
_TOLERANCE = 0.004
DAMAGED = "damaged"
"""The model of a profile that cannot be read; such a one is treated as if it were not there."""


@dataclass(frozen=True, slots=True)
class ProfileName:
    """``description`` in the profile's own words, ``space`` in the catalogue's, ``model`` as its signature."""

    description: str | None
    space: str | None
    model: str


@lru_cache(maxsize=256)
def profile_named(icc: bytes) -> ProfileName:
    """Name an ICC profile. RGB spaces are told by their colorants, within 0.004, and their curve; the description
    does not count, for writers put anything there. A damaged profile has no space."""
    tags = _tags(icc)
    model = icc[16:20].decode("latin-1").strip()
    description = _text(tags.get("desc", b""))
    if not tags or (
        model == "RGB" and "A2B0" not in tags and not {"rXYZ", "gXYZ", "bXYZ"} <= tags.keys()
    ):
        return ProfileName(description, None, DAMAGED)
    space = _rgb_space(tags) if model == "RGB" else None
    coded = tags.get("cicp", b"")
    if space == "rgb-other" and len(coded) >= 12:
        from mrimage.image.color.cicp import space_of

        space = space_of(coded[8], coded[9])
    return ProfileName(description, space, model)


def _tags(icc: bytes) -> dict[str, bytes]:
    """The tags of a profile (ICC.1:2022, 7.3); what points outside is left out."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return {}
    count = min(struct.unpack(">I", icc[128:132])[0], (len(icc) - 132) // 12, 200)
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


def _rgb_space(tags: dict[str, bytes]) -> str | None:
    found: list[float] = []
    for name in ("rXYZ", "gXYZ", "bXYZ"):
        body = tags.get(name, b"")
        if len(body) < 20:
            return "rgb-other"
        found.extend(value / 65_536 for value in struct.unpack(">3i", body[8:20]))
    for space, colorants in _COLORANTS.items():
        if all(abs(a - b) < _TOLERANCE for a, b in zip(found, colorants, strict=True)):
            gamma = _gamma(tags.get("rTRC", b""))
            return space if gamma is None or abs(gamma - 2.2) < 0.25 else "rgb-other"
    return "rgb-other"


def _gamma(tag: bytes) -> float | None:
    """The exponent of a curve, or the one that fits it at a half; None when it cannot be told."""
    if tag[:4] == b"curv" and len(tag) >= 12:
        count = struct.unpack(">I", tag[8:12])[0]
        if count == 0:
            return 1.0
        if count == 1 and len(tag) >= 14:
            return float(struct.unpack(">H", tag[12:14])[0] / 256)
        middle = 12 + 2 * (count // 2)
        if len(tag) >= middle + 2:
            return _fitting(
                struct.unpack(">H", tag[middle : middle + 2])[0] / 65_535,
                (count // 2) / (count - 1),
            )
    if tag[:4] == b"para" and len(tag) >= 16:
        kind, gamma = struct.unpack(">HxxI", tag[8:16])
        return (
            gamma / 65_536
            if kind == 0
            else 2.2
            if abs(gamma / 65_536 - 2.4) < 0.05
            else gamma / 65_536
        )
    return None


def _fitting(value: float, at: float) -> float | None:
    import math

    return math.log(value) / math.log(at) if 0 < value < 1 and 0 < at < 1 else None


@lru_cache(maxsize=32)
def matrix_profile(description: str, chromaticities: Chromaticities, gamma: float) -> bytes:
    """A profile of three colorants and one exponent."""
    curve = b"curv\x00\x00\x00\x00" + struct.pack(">IHxx", 1, round(gamma * 256))
    return _profile(description, chromaticities, curve)


def curve_profile(
    description: str, chromaticities: Chromaticities, light: object, cicp: bytes
) -> bytes:
    """A profile of three colorants and a curve given by its values, 0..1, at even steps. ``cicp`` are the code points
    of H.273 for readers that know better what to do with them (ICC.1:2022, 9.2.17)."""
    import numpy as np

    table: bytes = np.rint(np.clip(np.asarray(light), 0, 1) * 65_535).astype(">u2").tobytes()
    curve = b"curv\x00\x00\x00\x00" + struct.pack(">I", len(table) // 2) + table
    return _profile(description, chromaticities, curve, (b"cicp", b"cicp\x00\x00\x00\x00" + cicp))


def _profile(
    description: str, chromaticities: Chromaticities, curve: bytes, *more: tuple[bytes, bytes]
) -> bytes:
    """A version 2 RGB profile (ICC.1:2001-04).

    Made here and not shipped as a file, because PNG's gAMA and cHRM may ask for any. The white point is adapted
    to D50 by the linear Bradford transform (ICC.1:2022, annex E).
    """
    import numpy as np

    xy = np.asarray(chromaticities, dtype=np.float64).reshape(4, 2)
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford
    colorants = adapt @ (primaries * np.linalg.solve(primaries, white))
    text = description.encode("ascii") + b"\x00"
    name = b"desc\x00\x00\x00\x00" + struct.pack(">I", len(text)) + text + b"\x00" * 78
    tags = [
        (b"desc", name),
        (b"cprt", b"text\x00\x00\x00\x00No copyright, use freely\x00"),
        (b"wtpt", _xyz(d50)),
        *((tag, _xyz(colorants[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")),
        *more,
    ]
    return _assembled(tags)


def _xyz(values: object) -> bytes:
    import numpy as np

    fixed: bytes = np.rint(np.asarray(values) * 65_536).astype(">i4").tobytes()
    return b"XYZ \x00\x00\x00\x00" + fixed


def _assembled(tags: list[tuple[bytes, bytes]]) -> bytes:
    """Header, table and bodies; tags of one body share it."""
    table, body, offset = io.BytesIO(), io.BytesIO(), 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for name, content in tags:
        if content not in places:
            places[content] = offset + body.tell()
            body.write(content + b"\x00" * (-len(content) % 4))
        table.write(struct.pack(">4sII", name, places[content], len(content)))
    size = offset + body.tell()
    head = struct.pack(">I4sI4s4s4s", size, b"\x00" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += (
        struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
        + b"\x00" * 28
        + struct.pack(">3i", 63_190, 65_536, 54_061)
    )
    return (
        head.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + table.getvalue() + body.getvalue()
    )
