"""Files that no library here writes, put together byte by byte."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def tiff(
    pixels: bytes, size: tuple[int, int], bits: int, photometric: int, samples: int, **more: object
) -> bytes:
    """A little-endian TIFF of one uncompressed strip; ``extra`` are its ExtraSamples, ``format`` its SampleFormat,
    ``following`` the offset of its next directory, ``tags`` are further (type, count, value)."""

    def shorts(*values: int) -> tuple[int, int, bytes]:
        return 3, len(values), struct.pack(f"<{len(values)}H", *values)

    tags = {
        256: shorts(size[0]),
        257: shorts(size[1]),
        258: shorts(*[bits] * samples),
        259: shorts(1),
        262: shorts(photometric),
        273: (4, 1, b"\x00" * 4),
        277: shorts(samples),
        278: shorts(size[1]),
        279: (4, 1, struct.pack("<I", len(pixels))),
        339: shorts(*[int(str(more.get("format", 1)))] * samples),
    }
    if "extra" in more:
        tags[338] = shorts(*more["extra"])  # type: ignore[misc]
    tags.update(more.get("tags", {}))  # type: ignore[call-overload]
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = (
        4,
        1,
        struct.pack(
            "<I", start + sum(len(value) for _, _, value in tags.values() if len(value) > 4)
        ),
    )
    table = heap = b""
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value
        if len(value) > 4:
            place, heap = struct.pack("<I", start + len(heap)), heap + value
        table += struct.pack("<HHI", tag, kind, count) + place.ljust(4, b"\x00")
    head = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags))
    return head + table + struct.pack("<I", int(str(more.get("following", 0)))) + heap + pixels


def photoshop(
    planes: np.ndarray, mode: int, *, large: bool = False, packed: bool = False, layers: int = 0
) -> bytes:
    """A PSD, or a ``large`` PSB, of ``planes`` (channels x H x W, uint8, uint16 or float32) with nothing but its composite and,
    where ``layers`` is not 0, the number of its layers."""
    channels, height, width = planes.shape
    wide = ">Q" if large else ">I"
    section = struct.pack(wide, 2) + struct.pack(">h", layers) + b"\x00" * 2 if layers else b""
    head = b"8BPS" + struct.pack(">H", 2 if large else 1) + b"\x00" * 6
    head += struct.pack(">HIIHH", channels, height, width, 8 * planes.itemsize, mode)
    head += b"\x00" * 8 + struct.pack(wide, len(section)) + section
    rows = [
        row.astype(planes.dtype.newbyteorder(">")).tobytes() for plane in planes for row in plane
    ]
    if not packed:
        return head + b"\x00\x00" + b"".join(rows)
    runs = [
        b"".join(
            bytes((len(row[at : at + 128]) - 1,)) + row[at : at + 128]
            for at in range(0, len(row), 128)
        )
        for row in rows
    ]
    lengths = struct.pack(f">{len(runs)}{'I' if large else 'H'}", *map(len, runs))
    return head + b"\x00\x01" + lengths + b"".join(runs)


def png_with(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The PNG ``content`` with ``chunks`` put in before the pixels."""
    return content[:33] + b"".join(chunk(*found) for found in chunks) + content[33:]


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def box(name: bytes, *bodies: bytes) -> bytes:
    """A box of an AVIF, a HEIC, a JP2 or a JPEG XL."""
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def icon(picture: bytes, bits: int = 32) -> bytes:
    """An icon of one picture, a PNG or a BMP without its file header, which is said to have 256 x 256 pixels."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, bits, len(picture), 22) + picture


def jpeg_xl_head(width: int, height: int) -> bytes:
    """The first bytes of a codestream of that size, with everything else as it is by default."""
    bits = "".join(
        f"{value:0{count}b}"[::-1]
        for value, count in [
            (0, 1),
            (2, 2),
            (height - 1, 18),
            (0, 3),
            (2, 2),
            (width - 1, 18),
            (1, 1),
        ]
    )
    return b"\xff\x0a" + int(bits[::-1], 2).to_bytes(len(bits) // 8 + 1, "little") + b"\x00" * 16
