"""Which formats there are, how their content is told apart, and which library reads and writes each here."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.boxes import brand


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its ``extensions`` in lower case without dot, the ``reader`` and ``writer`` library, the
    optional ``extra`` of the package without which ``reader`` is missing, and what of it is ``deep``: read by HIGH_DEPTH_MODULES only."""

    name: str
    extensions: tuple[str, ...]
    reader: str
    writer: str | None = None
    extra: str | None = None
    module: str | None = None
    deep: str | None = None

    @property
    def missing(self) -> str | None:
        """Why pixels of this format cannot be read here, and what to do; None when they can."""
        if self.module is None or find_spec(self.module) is not None:
            return None
        return f'the decoder is not installed: pip install "mrimage[{self.extra}]"'

    @property
    def missing_high_depth(self) -> str | None:
        """The same of what is ``deep``."""
        if self.deep is None or all(find_spec(module) for module in HIGH_DEPTH_MODULES):
            return None
        return f'the decoder of {self.deep} is not installed: pip install "mrimage[deep]"'


HIGH_DEPTH_MODULES = ("imagecodecs", "tifffile")
"""What reads samples that the other libraries would cut to 8 bits, and compressions that they do not know."""


_RAW = "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"

FORMATS = {
    kind.name: kind
    for kind in (
        Format(
            "jpeg",
            ("jpg", "jpeg", "jpe", "jfif", "mpo"),
            "libjpeg-turbo (simplejpeg)",
            "libjpeg-turbo (simplejpeg)",
            deep="12 bits and lossless",
        ),
        Format("png", ("png", "apng"), "libvips", "libvips"),
        Format("webp", ("webp",), "libvips", "libvips"),
        Format("gif", ("gif",), "libvips"),
        Format("tiff", ("tif", "tiff", "btf", "tf8"), "libvips", "libvips", deep="rare kinds"),
        Format("avif", ("avif", "avifs"), "libvips", "libvips"),
        Format("bmp", ("bmp", "dib"), "Pillow"),
        Format(
            "jp2", ("jp2", "j2k", "jpf", "jpx", "j2c", "jpc"), "Pillow", deep="color of over 8 bits"
        ),
        Format("ppm", ("ppm", "pgm", "pbm", "pnm", "pfm", "pam"), "Pillow"),
        Format("ico", ("ico", "cur"), "Pillow"),
        Format("pcx", ("pcx",), "Pillow"),
        Format("dds", ("dds",), "Pillow"),
        Format("sgi", ("sgi", "rgb", "rgba", "bw"), "numpy"),
        Format("fits", ("fits", "fit", "fts"), "numpy"),
        Format("qoi", ("qoi",), "Pillow"),
        Format("xbm", ("xbm",), "Pillow"),
        Format("xpm", ("xpm",), "Pillow"),
        Format("tga", ("tga", "icb", "vda", "vst"), "Pillow"),
        Format("psd", ("psd", "psb"), "Pillow"),
        Format("heic", ("heic", "heif", "hif"), "pillow-heif", extra="heif", module="pillow_heif"),
        Format(
            "jxl",
            ("jxl",),
            "pillow-jxl-plugin",
            extra="jxl",
            module="pillow_jxl",
            deep="over 8 bits",
        ),
        Format("raw", tuple(_RAW.split()), "rawpy", extra="raw", module="rawpy"),
    )
}
"""Every format known, by the name that stands in the catalogue's ``format`` column."""

_NOT_READ = frozenset(["exr", "hdr"])
"""Extensions of pictures that people keep beside the others; they are reported as ``unsupported``, and not passed over."""

EXTENSIONS: frozenset[str] = _NOT_READ | {
    extension for kind in FORMATS.values() for extension in kind.extensions
}
"""Extensions of pictures, in lower case without dot, also of those whose decoder is missing here: the files that a run
takes by default. This is the only list of them."""


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One line of ``mrimage doctor``: can this format be read and written here, by which library, and why not, or not all
    of it."""

    format: str
    extensions: tuple[str, ...]
    read: bool
    write: bool
    library: str
    reason: str | None


def formats() -> list[FormatRow]:
    """The table of formats as it is on this machine, in the order of FORMATS."""
    return [
        FormatRow(
            kind.name,
            kind.extensions,
            kind.missing is None,
            kind.writer is not None,
            kind.reader,
            kind.missing or kind.missing_high_depth,
        )
        for kind in FORMATS.values()
    ]


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
