"""Camera RAW files: a small DNG 1.4, the photograph seen through a Bayer filter, linear, 16 bits; and the beginnings of a
CR3 and a RAF."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image as Pillow
from tests.image.crafted import box
from tests.image.samples import photograph, saved

XYZ_TO_SRGB = np.linalg.inv(
    np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
)


def raw_photograph(width: int = 96, height: int = 64, orientation: int = 1) -> bytes:
    """The whole file; its camera is called ``Ann One``."""
    light = (np.asarray(photograph(width, height)) / 255) ** 2.2
    seen = np.empty((height, width))
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        seen[row::2, column::2] = light[row::2, column::2, channel]
    pixels = np.rint(seen * 65_535).astype("<u2").tobytes()
    tags = _tags(width, height, len(pixels)) | {274: _shorts(orientation)}
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = _longs(start + sum(len(value) for _, _, value in tags.values() if len(value) > 4))
    table = heap = b""
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value
        if len(value) > 4:
            place, heap = struct.pack("<I", start + len(heap)), heap + value
        table += struct.pack("<HHI", tag, kind, count) + place.ljust(4, b"\x00")
    return (
        b"II*\x00\x08\x00\x00\x00"
        + struct.pack("<H", len(tags))
        + table
        + b"\x00" * 4
        + heap
        + pixels
    )


def _tags(width: int, height: int, size: int) -> dict[int, tuple[int, int, bytes]]:
    matrix = b"".join(
        struct.pack("<ii", round(value * 10_000), 10_000) for value in XYZ_TO_SRGB.ravel()
    )
    return {
        254: _longs(0),
        256: _longs(width),
        257: _longs(height),
        258: _shorts(16),
        259: _shorts(1),
        262: _shorts(32_803),
        271: (2, 4, b"Ann\x00"),
        272: (2, 4, b"One\x00"),
        273: _longs(0),
        277: _shorts(1),
        278: _longs(height),
        279: _longs(size),
        33_421: _shorts(2, 2),
        33_422: (1, 4, bytes((0, 1, 1, 2))),
        50_706: (1, 4, bytes((1, 4, 0, 0))),
        50_707: (1, 4, bytes((1, 1, 0, 0))),
        50_708: (2, 8, b"Ann One\x00"),
        50_717: _longs(65_535),
        50_721: (10, 9, matrix),
        50_728: (5, 3, struct.pack("<6I", 1, 1, 1, 1, 1, 1)),
        50_778: _shorts(21),
    }


def _shorts(*values: int) -> tuple[int, int, bytes]:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def _longs(*values: int) -> tuple[int, int, bytes]:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def exif_with(**tags: object) -> Pillow.Exif:
    exif = Pillow.Exif()
    exif.update({int(tag[1:], 16): value for tag, value in tags.items()})
    return exif


def canon_raw() -> bytes:
    """The beginning of a CR3: its tags, and no picture."""
    tags = exif_with(x100=6000, x101=4000, x10F="Canon", x110="EOS M50", x112=6).tobytes()
    detail, place = Pillow.Exif(), Pillow.Exif()
    detail.update({0x8827: 400, 0x829D: 2.8})
    place.update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)})
    own = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    parts = [
        box(name, block.removeprefix(b"Exif\x00\x00"))
        for name, block in zip(
            (b"CMT1", b"CMT2", b"CMT4"), (tags, detail.tobytes(), place.tobytes()), strict=True
        )
    ]
    return (
        box(b"ftyp", b"crx \x00\x00\x00\x01crx isom")
        + box(b"moov", box(b"uuid", own, *parts))
        + box(b"mdat", b"\x00" * 99)
    )


def fujifilm_raw() -> bytes:
    """The beginning of a RAF: its preview and its directory, and no picture."""
    preview = saved(
        photograph(16, 16), "JPEG", exif=exif_with(x10F="FUJIFILM", x110="X-T3", x112=6)
    )
    directory = struct.pack(">IHHHH", 1, 0x111, 4, 4000, 6000)
    head = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\x00") + struct.pack(
        ">III", 96, len(preview), 96 + len(preview)
    )
    return head + preview + directory + b"\x00" * 99
