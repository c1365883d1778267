"""Make ICC profiles: for results, and for files that name their colors in another way.

PNG chunks, EXIF and code points can name a color space. The profiles are made here, not shipped as
files, because PNG's gAMA and cHRM chunks can hold any numbers.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mrimage.image.color.primaries import Chromaticities

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_Tag = tuple[bytes, bytes]
"""The signature of a tag, and its body."""

_D50 = (0.9642, 1.0, 0.8249)
"""X, Y, Z of the white of the connection space (ICC.1:2022, 7.2.16)."""

_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
"""From X, Y, Z to cone responses in the linear Bradford transform (ICC.1:2022, annex E)."""


@lru_cache(maxsize=32)
def matrix_profile(description: str, chromaticities: Chromaticities, exponent: float) -> bytes:
    """An RGB profile of three colorants and one exponent."""
    return _rgb_profile(description, chromaticities, _exponent_curve(exponent))


def curve_profile(
    description: str, chromaticities: Chromaticities, light: Array, code_points: bytes
) -> bytes:
    """An RGB profile of three colorants and one curve, with a cicp tag (ICC.1:2022, 9.2.17).

    ``light`` has the curve's values, 0..1, at even steps. ``code_points`` are the four bytes of
    H.273, for readers that can show a high dynamic range better than the curve does.
    """
    cicp_tag = (b"cicp", b"cicp\x00\x00\x00\x00" + code_points)
    return _rgb_profile(description, chromaticities, _table_curve(light), cicp_tag)


@lru_cache(maxsize=32)
def gray_exponent_profile(description: str, exponent: float) -> bytes:
    """A gray profile of one exponent."""
    return _gray_profile(description, _exponent_curve(exponent))


def gray_curve_profile(description: str, light: Array) -> bytes:
    """A gray profile of a curve given by its values, 0..1, at even steps."""
    return _gray_profile(description, _table_curve(light))


def _exponent_curve(exponent: float) -> bytes:
    """A curveType of one exponent, which it stores in steps of 1/256."""
    return b"curv\x00\x00\x00\x00" + struct.pack(">IHxx", 1, round(exponent * 256))


def _table_curve(light: Array) -> bytes:
    """A curveType of a table with 16 bits an entry."""
    import numpy as np

    values = np.rint(np.clip(np.asarray(light), 0, 1) * 65_535)
    table: bytes = values.astype(">u2").tobytes()
    return b"curv\x00\x00\x00\x00" + struct.pack(">I", len(table) // 2) + table


def _gray_profile(description: str, curve: bytes) -> bytes:
    return _assembled(b"GRAY", [*_common_tags(description), (b"kTRC", curve)])


def _rgb_profile(
    description: str, chromaticities: Chromaticities, curve: bytes, *more: _Tag
) -> bytes:
    red, green, blue = adapted_colorants(chromaticities).T
    tags = [
        *_common_tags(description),
        (b"rXYZ", _xyz(red)),
        (b"gXYZ", _xyz(green)),
        (b"bXYZ", _xyz(blue)),
        (b"rTRC", curve),
        (b"gTRC", curve),
        (b"bTRC", curve),
        *more,
    ]
    return _assembled(b"RGB ", tags)


def adapted_colorants(chromaticities: Chromaticities) -> Array:
    """X, Y, Z (rows) of red, green and blue (columns), 3 x 3, with their white adapted to D50.

    Uses the linear Bradford transform (ICC.1:2022, annex E). ``chromaticities`` must be possible;
    see ``primaries.is_possible``.
    """
    import numpy as np

    xy = np.asarray(chromaticities, dtype=np.float64).reshape(4, 2)
    x = xy[:, 0]
    y = np.where(xy[:, 1] > 0, xy[:, 1], 1)
    z = 1 - xy.sum(axis=1)
    xyz = np.stack([x / y, xy[:, 1] / y, z / y])
    white = xyz[:, 0]
    primaries = xyz[:, 1:]
    bradford = np.array(_BRADFORD)
    scale = np.diag((bradford @ np.array(_D50)) / (bradford @ white))
    adaptation = np.linalg.inv(bradford) @ scale @ bradford
    # How much of each primary white contains.
    shares = np.linalg.solve(primaries, white)
    adapted: Array = adaptation @ (primaries * shares)
    return adapted


def _common_tags(description: str) -> list[_Tag]:
    """The tags that every profile needs (ICC.1:2001-04, 6.3.1)."""
    text = description.encode("ascii") + b"\x00"
    # The zeros are empty descriptions in Unicode and ScriptCode, which the type requires.
    described = b"desc\x00\x00\x00\x00" + struct.pack(">I", len(text)) + text + b"\x00" * 78
    return [
        (b"desc", described),
        (b"cprt", b"text\x00\x00\x00\x00No copyright, use freely\x00"),
        (b"wtpt", _xyz(_D50)),
    ]


def _xyz(values: object) -> bytes:
    """An XYZType of three numbers."""
    import numpy as np

    fixed_point: bytes = np.rint(np.asarray(values) * 65_536).astype(">i4").tobytes()
    return b"XYZ \x00\x00\x00\x00" + fixed_point


def _assembled(model: bytes, tags: list[_Tag]) -> bytes:
    """A profile of version 2 (ICC.1:2001-04): its header, its tag table and the tags' bodies.

    Tags with the same body share it.
    """
    table = io.BytesIO()
    bodies = io.BytesIO()
    start_of_bodies = 128 + 4 + 12 * len(tags)
    positions: dict[bytes, int] = {}
    for name, body in tags:
        if body not in positions:
            positions[body] = start_of_bodies + bodies.tell()
            padding = b"\x00" * (-len(body) % 4)
            bodies.write(body + padding)
        table.write(struct.pack(">4sII", name, positions[body], len(body)))
    size = start_of_bodies + bodies.tell()
    tag_count = struct.pack(">I", len(tags))
    return _header(model, size) + tag_count + table.getvalue() + bodies.getvalue()


def _header(model: bytes, size: int) -> bytes:
    """The 128 bytes of a display profile's header (ICC.1:2001-04, 6.1).

    The date is fixed, so that the same profile always has the same bytes.
    """
    version = 0x02400000
    kind = struct.pack(">I4sI4s4s4s", size, b"\x00" * 4, version, b"mntr", model, b"XYZ ")
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    illuminant = struct.pack(">3i", 63_190, 65_536, 54_061)  # D50 times 65,536
    header = kind + date + b"acsp" + b"\x00" * 28 + illuminant
    return header.ljust(128, b"\x00")
