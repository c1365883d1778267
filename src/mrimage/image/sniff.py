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
"""First bytes of a file, and its format. The first match counts: raw files that begin like a TIFF
come before TIFF."""

_UNREADABLE: tuple[tuple[bytes, str], ...] = (
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
"""First bytes and names of picture formats that no reader here supports."""


def sniff(blocks: Blocks) -> str:
    """Return the format of a file by its content.

    Raises ImageError: ``unsupported``, with the name, for a known format that has no reader here;
    ``not-an-image`` for anything else.
    """
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
    for magic, name in _UNREADABLE:
        if head.startswith(magic):
            raise ImageError(
                "unsupported", f"The file is {name}, a format that mrimage cannot read."
            )
    raise ImageError(
        "not-an-image",
        f"mrimage does not recognize the content as an image: it begins with {_shown(head)}.",
    )


_XBM = re.compile(
    rb"(?:\s|/\*.{0,400}?\*/)*#define[ \t]+\S*width[ \t]+\d+\s+#define[ \t]+\S*height[ \t]+\d",
    re.DOTALL,
)


def _is_bmp(head: bytes, blocks: Blocks) -> bool:
    """A bitmap of Windows or OS/2, or an OS/2 array of bitmaps."""
    if head[:2] == b"BA" and head[14:16] == b"BM":
        head = head[14:]
    if head[:2] != b"BM" or len(head) < 26:
        return False
    header_size = struct.unpack("<I", head[14:18])[0]
    # A header of OS/2 2.x may end after any of its fields.
    is_os2 = 16 <= header_size <= 64 and header_size % 2 == 0
    return header_size in (12, 108, 124) or is_os2


def _is_ppm(head: bytes, blocks: Blocks) -> bool:
    if head[:1] != b"P" or head[2:3] not in b"\n\r\t #":
        return False
    return head[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")


def _is_ico(head: bytes, blocks: Blocks) -> bool:
    """An icon or a cursor."""
    if head[:4] not in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") or len(head) < 22:
        return False
    count = struct.unpack("<H", head[4:6])[0]
    if not 0 < count < 256:
        return False
    # The first entry of the index: a reserved byte, and where its picture is.
    reserved = head[9]
    length, offset = struct.unpack("<II", head[14:22])
    end_of_index = 6 + 16 * count
    return reserved == 0 and length > 0 and end_of_index <= offset < blocks.size


def _is_pcx(head: bytes, blocks: Blocks) -> bool:
    """The signature of PCX is a single byte, so the fields after it must agree."""
    if len(head) < 128 or head[0] != 10 or head[64] != 0:
        return False
    version = head[1]
    encoding = head[2]
    if version not in (0, 2, 3, 4, 5) or encoding > 1:
        return False
    left, top, right, bottom = struct.unpack("<4H", head[4:12])
    if left > right or top > bottom:
        return False
    bits = head[3]
    planes = head[65]
    if bits not in (1, 2, 4, 8) or not 1 <= planes <= 4:
        return False
    bytes_per_row = struct.unpack("<H", head[66:68])[0]
    return bool(bytes_per_row * 8 >= (right - left + 1) * bits)


def _is_sgi(head: bytes, blocks: Blocks) -> bool:
    if head[:2] != b"\x01\xda" or len(head) < 12:
        return False
    compression = head[2]
    bytes_per_sample = head[3]
    dimensions = head[5]
    if compression not in (0, 1) or bytes_per_sample not in (1, 2):
        return False
    return head[4] == 0 and dimensions in (1, 2, 3)


def _is_xbm(head: bytes, blocks: Blocks) -> bool:
    """Source code in C, perhaps after comments."""
    return _XBM.match(head) is not None


def _is_tga(head: bytes, blocks: Blocks) -> bool:
    """TGA begins without a signature: its fields must agree, or version 2's footer must exist."""
    if len(head) < 18:
        return False
    has_map = head[1]
    kind = head[2]
    if has_map > 1 or kind not in (1, 2, 3, 9, 10, 11):
        return False
    width, height = struct.unpack("<HH", head[12:16])
    depth = head[16]
    if depth not in (8, 15, 16, 24, 32) or not (width and height):
        return False
    attributes = head[17]
    alpha_bits = attributes & 0x0F
    if attributes & 0xC0 or alpha_bits not in (0, 1, 8):
        return False
    if blocks.at(max(0, blocks.size - 18), 18) == b"TRUEVISION-XFILE.\x00":
        return True
    return _has_plausible_map(head) and _has_plausible_size(head, blocks.size)


def _has_plausible_map(head: bytes) -> bool:
    """Whether a TGA header describes a color map if, and only if, its kind of image needs one."""
    has_map = bool(head[1])
    needs_map = head[2] in (1, 9)
    if has_map != needs_map:
        return False
    entries = struct.unpack("<H", head[5:7])[0]
    entry_bits = head[7]
    if has_map:
        return entry_bits in (15, 16, 24, 32) and entries > 0
    return entries == 0 and entry_bits in (0, 24, 32)


def _has_plausible_size(head: bytes, size: int) -> bool:
    """Whether a file of ``size`` bytes can hold the pixels of its TGA header, and not much more."""
    is_compressed = head[2] >= 9
    if is_compressed:
        return True
    width, height = struct.unpack("<HH", head[12:16])
    pixel_bytes = width * height * ((head[16] + 7) // 8)
    entries = struct.unpack("<H", head[5:7])[0]
    map_bytes = entries * ((head[7] + 7) // 8) * head[1]
    header_bytes = 18 + head[0] + map_bytes
    return bool(header_bytes < size <= 2 * (header_bytes + pixel_bytes))


_BY_FIELDS: tuple[tuple[str, Callable[[bytes, Blocks], bool]], ...] = (
    ("bmp", _is_bmp),
    ("ppm", _is_ppm),
    ("ico", _is_ico),
    ("pcx", _is_pcx),
    ("sgi", _is_sgi),
    ("xbm", _is_xbm),
    ("tga", _is_tga),
)
"""Checks for formats without a reliable signature, the most reliable one first."""


def _shown(head: bytes) -> str:
    return repr(head[:16])[1:]
