"""Recognizing a format by the content of a file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.boxes import brand

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00\x10\x00\x00\x00CR", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"IIU\x00", "raw"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "raw"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"FOVb", "raw"),
    (b"\x00MRM", "raw"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"8BPS\x00\x01", "psd"),
    (b"8BPS\x00\x02", "psd"),
    (b"DDS \x7c\x00\x00\x00", "dds"),
    (b"SIMPLE  =", "fits"),
    (b"qoif", "qoi"),
    (b"/* XPM */", "xpm"),
    (b"P7\n", "ppm"),
)

_NAMED: tuple[tuple[bytes, str], ...] = (
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"gimp xcf ", "GIMP's XCF"),
    (b"AT&TFORM", "DjVu"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x80\x2a\x5f\xd7", "Cineon"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"icns", "Apple's ICNS"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"/* XPM2", "XPM 2"),
    (b"! XPM2", "XPM 2"),
)
"""Formats of pictures that are told by their first bytes and not read here."""


def sniff(blocks: Blocks) -> str:
    """The format of a file by its content. Raises ImageError: ``unsupported`` with its name for the formats that are known
    and not read, ``not-an-image`` for anything else."""
    head = blocks.at(0, 512)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    name = brand(head) or ""
    if name:
        return "raw" if name == "cr3" else name
    for name, looks_like in _BY_FIELDS:
        if looks_like(head, blocks):
            return name
    for magic, name in _NAMED:
        if head.startswith(magic):
            raise ImageError(
                "unsupported", f"Expected a format that is read here, but this is {name}."
            )
    raise ImageError(
        "not-an-image",
        f"Expected an image, but the content is of no known format: it begins with {_shown(head)}.",
    )


_XBM = re.compile(
    rb"(?:\s|/\*.{0,400}?\*/)*#define[ \t]+\S*width[ \t]+\d+\s+#define[ \t]+\S*height[ \t]+\d",
    re.DOTALL,
)


def _is_bmp(head: bytes, blocks: Blocks) -> bool:
    """A bitmap of Windows or OS/2, or OS/2's array of them. Headers of OS/2 2.x may end after any of their fields."""
    if head[:2] == b"BA" and head[14:16] == b"BM":
        head = head[14:]
    if head[:2] != b"BM" or len(head) < 26:
        return False
    size = struct.unpack("<I", head[14:18])[0]
    return size in (12, 108, 124) or (16 <= size <= 64 and size % 2 == 0)


def _is_ppm(head: bytes, blocks: Blocks) -> bool:
    return (
        head[:1] == b"P"
        and head[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")
        and head[2:3] in b"\n\r\t #"
    )


def _is_ico(head: bytes, blocks: Blocks) -> bool:
    """An icon, or a cursor."""
    if head[:4] not in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") or len(head) < 22:
        return False
    count = struct.unpack("<H", head[4:6])[0]
    length, offset = struct.unpack("<II", head[14:22])
    return (
        0 < count < 256 and head[9] == 0 and length > 0 and 6 + 16 * count <= offset < blocks.size
    )


def _is_pcx(head: bytes, blocks: Blocks) -> bool:
    """PCX has a signature of one byte: the fields behind it must agree."""
    if (
        len(head) < 128
        or head[0] != 10
        or head[1] not in (0, 2, 3, 4, 5)
        or head[2] > 1
        or head[64] != 0
    ):
        return False
    left, top, right, bottom = struct.unpack("<4H", head[4:12])
    bits, planes, row = head[3], head[65], struct.unpack("<H", head[66:68])[0]
    sound = bits in (1, 2, 4, 8) and 1 <= planes <= 4 and left <= right and top <= bottom
    return sound and row * 8 >= (right - left + 1) * bits


def _is_sgi(head: bytes, blocks: Blocks) -> bool:
    if head[:2] != b"\x01\xda" or len(head) < 12:
        return False
    return head[2] in (0, 1) and head[3] in (1, 2) and head[4] == 0 and head[5] in (1, 2, 3)


def _is_xbm(head: bytes, blocks: Blocks) -> bool:
    """Source code in C; comments may come first."""
    return _XBM.match(head) is not None


def _is_tga(head: bytes, blocks: Blocks) -> bool:
    """TGA has no signature at its start: all fields must agree, or version 2's footer must be there."""
    if len(head) < 18:
        return False
    map_kind, kind, depth, attributes = head[1], head[2], head[16], head[17]
    width, height = struct.unpack("<HH", head[12:16])
    if (
        map_kind > 1
        or kind not in (1, 2, 3, 9, 10, 11)
        or depth not in (8, 15, 16, 24, 32)
        or not (width and height)
    ):
        return False
    if attributes & 0xC0 or (attributes & 0x0F) not in (0, 1, 8):
        return False
    if blocks.at(max(0, blocks.size - 18), 18) == b"TRUEVISION-XFILE.\x00":
        return True
    entries, entry_bits = struct.unpack("<H", head[5:7])[0], head[7]
    mapped = (
        entry_bits in (15, 16, 24, 32) and entries > 0
        if map_kind
        else entries == 0 and entry_bits in (0, 24, 32)
    )
    if not mapped or (kind in (1, 9)) != bool(map_kind):
        return False
    pixels = width * height * ((depth + 7) // 8)
    header = 18 + head[0] + entries * ((entry_bits + 7) // 8) * map_kind
    return kind >= 9 or header < blocks.size <= 2 * (header + pixels)


_BY_FIELDS: tuple[tuple[str, Callable[[bytes, Blocks], bool]], ...] = (
    ("bmp", _is_bmp),
    ("ppm", _is_ppm),
    ("ico", _is_ico),
    ("pcx", _is_pcx),
    ("sgi", _is_sgi),
    ("xbm", _is_xbm),
    ("tga", _is_tga),
)


def _shown(head: bytes) -> str:
    return repr(head[:16])[1:]
