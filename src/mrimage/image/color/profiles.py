"""ICC profiles made here: for outputs, and for what PNG chunks, EXIF and code points say in place of a profile.

They are made and not shipped as files, because PNG's gAMA and cHRM may ask for any.
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
"""The white of the connection space (ICC.1:2022, 7.2.16)."""


@lru_cache(maxsize=32)
def matrix_profile(description: str, chromaticities: Chromaticities, exponent: float) -> bytes:
    """An RGB profile of three colorants and one exponent."""
    return _rgb_profile(description, chromaticities, _exponent(exponent))


def curve_profile(
    description: str, chromaticities: Chromaticities, light: Array, cicp: bytes
) -> bytes:
    """An RGB profile of three colorants and a curve given by its values, 0..1, at even steps. ``cicp`` are the code
    points of H.273 for readers that know better what to do with them (ICC.1:2022, 9.2.17)."""
    return _rgb_profile(
        description, chromaticities, _table(light), (b"cicp", b"cicp\x00\x00\x00\x00" + cicp)
    )


@lru_cache(maxsize=32)
def gray_exponent_profile(description: str, exponent: float) -> bytes:
    """A gray profile of one exponent."""
    return _gray_profile(description, _exponent(exponent))


def gray_curve_profile(description: str, light: Array) -> bytes:
    """A gray profile of a curve given by its values, 0..1, at even steps."""
    return _gray_profile(description, _table(light))


def _exponent(exponent: float) -> bytes:
    """A curve of one exponent, in steps of 1/256."""
    return b"curv\x00\x00\x00\x00" + struct.pack(">IHxx", 1, round(exponent * 256))


def _table(light: Array) -> bytes:
    import numpy as np

    table: bytes = np.rint(np.clip(np.asarray(light), 0, 1) * 65_535).astype(">u2").tobytes()
    return b"curv\x00\x00\x00\x00" + struct.pack(">I", len(table) // 2) + table


def _gray_profile(description: str, curve: bytes) -> bytes:
    return _assembled(b"GRAY", [*_common(description), (b"kTRC", curve)])


def _rgb_profile(
    description: str, chromaticities: Chromaticities, curve: bytes, *more: _Tag
) -> bytes:
    colorants = adapted_colorants(chromaticities)
    tags = [
        *_common(description),
        *((tag, _xyz(colorants[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")),
        *more,
    ]
    return _assembled(b"RGB ", tags)


def adapted_colorants(chromaticities: Chromaticities) -> Array:
    """X, Y, Z (rows) of red, green and blue (columns), their white adapted to D50 by the linear Bradford transform
    (ICC.1:2022, annex E). ``chromaticities`` must be possible ones; see ``primaries``."""
    import numpy as np

    xy = np.asarray(chromaticities, dtype=np.float64).reshape(4, 2)
    height = np.where(xy[:, 1] > 0, xy[:, 1], 1)
    xyz = np.stack([xy[:, 0] / height, xy[:, 1] / height, (1 - xy.sum(axis=1)) / height])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    scale = np.diag((bradford @ np.array(_D50)) / (bradford @ white))
    adapted: Array = (
        np.linalg.inv(bradford) @ scale @ bradford @ (primaries * np.linalg.solve(primaries, white))
    )
    return adapted


def _common(description: str) -> list[_Tag]:
    """The tags that every profile needs (ICC.1:2001-04, 6.3.1)."""
    text = description.encode("ascii") + b"\x00"
    return [
        (b"desc", b"desc\x00\x00\x00\x00" + struct.pack(">I", len(text)) + text + b"\x00" * 78),
        (b"cprt", b"text\x00\x00\x00\x00No copyright, use freely\x00"),
        (b"wtpt", _xyz(_D50)),
    ]


def _xyz(values: object) -> bytes:
    import numpy as np

    fixed: bytes = np.rint(np.asarray(values) * 65_536).astype(">i4").tobytes()
    return b"XYZ \x00\x00\x00\x00" + fixed


def _assembled(model: bytes, tags: list[_Tag]) -> bytes:
    """Header, table and bodies of a profile of version 2 (ICC.1:2001-04); tags of one body share it."""
    table, body, offset = io.BytesIO(), io.BytesIO(), 128 + 4 + 12 * len(tags)
    positions: dict[bytes, int] = {}
    for name, content in tags:
        if content not in positions:
            positions[content] = offset + body.tell()
            body.write(content + b"\x00" * (-len(content) % 4))
        table.write(struct.pack(">4sII", name, positions[content], len(content)))
    size = offset + body.tell()
    head = struct.pack(">I4sI4s4s4s", size, b"\x00" * 4, 0x02400000, b"mntr", model, b"XYZ ")
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head += date + b"acsp" + b"\x00" * 28 + struct.pack(">3i", 63_190, 65_536, 54_061)
    return (
        head.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + table.getvalue() + body.getvalue()
    )
