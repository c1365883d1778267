"""TIFF and BigTIFF: the first directory, wherever in the file it is, and the number of pages."""

from __future__ import annotations

import math

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_TEXT, Header, Model
from mrimage.image.tags.directory import Directory, Tree
from mrimage.image.tags.exif import resolution
from mrimage.image.tags.iptc import unswapped

SUBFILE_TYPE = 254
WIDTH = 256
HEIGHT = 257
BITS = 258
COMPRESSION = 259
PHOTOMETRIC = 262
MAKE = 271
STRIP_OFFSETS = 273
SAMPLES = 277
STRIP_COUNTS = 279
PLANAR = 284
TILE_OFFSETS = 324
TILE_COUNTS = 325
SUB_DIRECTORIES = 330
EXTRA_SAMPLES = 338
XMP = 700
IPTC = 33723
PHOTOSHOP = 34377
ICC_PROFILE = 34675
DNG_VERSION = 50706
"""Tags."""

_MODELS: dict[int, Model] = {
    0: "gray",
    1: "gray",
    2: "rgb",
    3: "palette",
    5: "cmyk",
    6: "ycbcr",
    8: "lab",
    9: "lab",
}
"""Models by PhotometricInterpretation."""

_COLORS = {"gray": 1, "rgb": 3, "palette": 1, "cmyk": 4, "ycbcr": 3, "lab": 3}
"""Samples of a pixel that make its color."""

_ASSOCIATED = 1
_STRAIGHT = 2
"""Values of ExtraSamples (TIFF 6.0, section 18): alpha multiplied into the colors, and alpha that
is not."""

_REDUCED_OR_MASK = 0b101
"""Flags of NewSubfileType."""

_CFA = 32803
_LINEAR_RAW = 34892
"""PhotometricInterpretation of camera RAW."""

_MOST_BITS = 64
_MOST_SAMPLES = 1024
_MOST_SUB_DIRECTORIES = 16

_PLAIN = 1
_OLD_JPEG = 6
_JPEG = 7
_LZMA = 34925
_ZSTD = 50000
"""Values of Compression."""

_BY_LIBVIPS = (None, _PLAIN, 2, 3, 4, 5, _JPEG, 8, 32946, 32773, 50001)
"""Compressions that libvips reads: none, fax, LZW, JPEG, deflate, PackBits, WebP."""

_BY_PILLOW = (*_BY_LIBVIPS, _OLD_JPEG, _LZMA, _ZSTD)

_SEPARATE = 2
"""Value of PlanarConfiguration: one plane for each sample."""

BY_PILLOW = "by-pillow"
"""Variant of files that the libvips wheel cannot read, or takes for another layout."""

BY_TIFFFILE = "by-tifffile"
"""Variant of files that Pillow cannot read either, or cuts to 8 bits."""


def read_tiff(blocks: Blocks) -> Header:
    """Read size, sample layout and tags of the first page (TIFF 6.0; BigTIFF as published).

    Raises ImageError: ``truncated``, ``corrupt``, or ``unsupported`` for unknown color models.
    """
    tree = Tree(blocks.at)
    first = _first_directory(tree, blocks.size)
    if _is_raw(first):
        return read_raw(blocks)
    width = first.integer(WIDTH)
    height = first.integer(HEIGHT)
    if width is None or height is None:
        raise ImageError("corrupt", "The first directory of the TIFF lacks the width or height.")
    model = _model(first)
    bands = first.integer(SAMPLES) or 1
    bits = first.integer(BITS) or 1
    if bits > _MOST_BITS or bands > _MOST_SAMPLES:
        raise ImageError(
            "corrupt",
            f"The TIFF says {bands} samples of {bits} bits for each pixel, but at most "
            f"{_MOST_SAMPLES} samples of {_MOST_BITS} bits are allowed.",
        )
    alpha = _alpha(first, model, bands - _COLORS[model])
    return Header(
        "tiff",
        width,
        height,
        bands,
        bits,
        model,
        alpha is not None,
        icc=_bytes(first, ICC_PROFILE),
        frames=_page_count(tree),
        dpi=resolution(first),
        variant=_variant(first, model, bits, alpha),
        associated=alpha == _ASSOCIATED,
        xmp=_packet(first),
        iptc=_iptc(first),
    )


def _first_directory(tree: Tree, file_size: int) -> Directory:
    """Return the first directory of a file of ``file_size`` bytes. Raises ImageError."""
    if not tree.valid:
        raise ImageError("corrupt", "The TIFF header has an unknown version.")
    first = tree.first
    if not len(first):
        reason = "truncated" if tree.offset + 2 > file_size else "corrupt"
        raise ImageError(
            reason,
            f"The TIFF header points to a directory at byte {tree.offset} of {file_size}, "
            "but there is none.",
        )
    return first


def _model(first: Directory) -> Model:
    photometric = first.integer(PHOTOMETRIC)
    if photometric is None:
        return "gray"
    model = _MODELS.get(photometric)
    if model is None:
        raise ImageError(
            "unsupported",
            f"The TIFF uses photometric interpretation {photometric}, which no decoder here reads.",
        )
    return model


def _page_count(tree: Tree) -> int:
    """Return the number of pages, without reduced versions and masks."""
    pages = [page for page in tree.directories() if not _is_reduced(page)]
    return len(pages) or 1


def _variant(first: Directory, model: Model, bits: int, alpha: int | None) -> str:
    """Return which decoder reads the file; nothing means libvips."""
    if _by_libvips(first, model, bits):
        return ""
    if first.integer(COMPRESSION) not in _BY_PILLOW:
        return BY_TIFFFILE
    if bits == 12 and model == "gray":
        return BY_PILLOW
    if bits > 8 or (model == "lab" and alpha is not None):
        return BY_TIFFFILE
    # Pillow has no mode for associated alpha on a plane of its own.
    if _has_separate_tiles(first) and alpha == _ASSOCIATED:
        return BY_TIFFFILE
    return BY_PILLOW


def _by_libvips(first: Directory, model: Model, bits: int) -> bool:
    """Return whether the libvips wheel reads this layout correctly."""
    compression = first.integer(COMPRESSION)
    if compression not in _BY_LIBVIPS or first.integer(PHOTOMETRIC) is None:
        return False
    if _has_separate_tiles(first):
        return False
    if model == "ycbcr":
        return compression == _JPEG
    if model == "lab":
        return bits != 8
    return bits not in (12, 24, 64)


def _has_separate_tiles(first: Directory) -> bool:
    is_separate = first.integer(PLANAR) == _SEPARATE
    return is_separate and TILE_OFFSETS in first


def read_raw(blocks: Blocks) -> Header:
    """Read a camera RAW file that is built on TIFF.

    The size is that of its largest image, as its directory says. The depth is the sensor's, or
    None if the largest image is not the sensor's.
    """
    tree = Tree(blocks.at)
    first = tree.first
    pages = [first, *_sub_directories(tree), *tree.directories()]
    largest = max(pages, key=_pixel_count)
    width, height = _size(largest)
    is_sensor = largest.integer(PHOTOMETRIC) in (_CFA, _LINEAR_RAW)
    return Header(
        "raw",
        width,
        height,
        3,
        largest.integer(BITS) if is_sensor else None,
        "rgb",
        dpi=resolution(first),
        xmp=_packet(first),
        iptc=_iptc(first),
    )


def _sub_directories(tree: Tree) -> list[Directory]:
    offsets = tree.first.get(SUB_DIRECTORIES)
    if offsets is None or isinstance(offsets, bytes):
        return []
    return [Directory(tree, int(offset)) for offset in offsets[:_MOST_SUB_DIRECTORIES]]


def _size(page: Directory) -> tuple[int, int]:
    width = page.integer(WIDTH) or 0
    height = page.integer(HEIGHT) or 0
    return width, height


def _pixel_count(page: Directory) -> int:
    return math.prod(_size(page))


def check_strips(data: bytes, header: Header) -> None:
    """Raise ImageError if strips or tiles of the first page cannot hold its pixels.

    ``truncated``: one of them lies beyond the end of the file. ``corrupt``: they are shorter than
    the uncompressed pixels. libvips would compute every strip before it complains.
    """
    tree = Tree(lambda start, length: data[start : start + length])
    first = tree.first
    offsets = first.get(STRIP_OFFSETS) or first.get(TILE_OFFSETS)
    counts = first.get(STRIP_COUNTS) or first.get(TILE_COUNTS)
    if not offsets or not counts or isinstance(offsets, bytes) or isinstance(counts, bytes):
        return
    end = max(int(offset + count) for offset, count in zip(offsets, counts, strict=False))
    if end > len(data):
        raise ImageError(
            "truncated", f"The TIFF needs {end} bytes for its pixels, but the file has {len(data)}."
        )
    # YCbCr is stored with fewer color samples than pixels.
    if first.integer(COMPRESSION) != _PLAIN or header.model == "ycbcr":
        return
    row = (header.width * header.bands * (header.bit_depth or 1) + 7) // 8
    needed = row * header.height
    if sum(counts) < needed:
        raise ImageError(
            "corrupt",
            f"The pixels of the TIFF need {needed} bytes, but its strips have {sum(counts)}.",
        )


def _alpha(first: Directory, model: Model, extra: int) -> int | None:
    """Return _ASSOCIATED or _STRAIGHT if the first of the ``extra`` samples is alpha, else None.

    A single fourth sample of RGB without ExtraSamples is alpha to libvips, Pillow and ImageMagick
    alike.
    """
    types = first.get(EXTRA_SAMPLES)
    if types is None or isinstance(types, bytes):
        return _STRAIGHT if model == "rgb" and extra == 1 else None
    if extra > 0 and types[0] in (_ASSOCIATED, _STRAIGHT):
        return int(types[0])
    return None


def _packet(first: Directory) -> bytes | None:
    """Return the XMP packet; None if there is none or it is too long."""
    packet = first.raw(XMP)
    if packet is None or len(packet) >= LONGEST_TEXT:
        return None
    return packet


def _iptc(first: Directory) -> bytes | None:
    """Return the block in IPTC's own tag, or else Photoshop's resources with IPTC among them."""
    bare = first.raw(IPTC)
    block = unswapped(bare) if bare else first.raw(PHOTOSHOP)
    if block is None or len(block) >= LONGEST_TEXT:
        return None
    return block


def _bytes(directory: Directory, tag: int) -> bytes | None:
    value = directory.get(tag)
    return value if isinstance(value, bytes) else None


def _is_reduced(page: Directory) -> bool:
    """Return whether a directory is a reduced version of another page, or a mask."""
    flags = page.integer(SUBFILE_TYPE) or 0
    return bool(flags & _REDUCED_OR_MASK)


def _is_raw(first: Directory) -> bool:
    """Return whether the file is camera RAW: by its tags, or by a small preview as first page."""
    if DNG_VERSION in first:
        return True
    if first.integer(PHOTOMETRIC) in (_CFA, _LINEAR_RAW):
        return True
    return _is_reduced(first) and SUB_DIRECTORIES in first and MAKE in first
