"""TIFF and BigTIFF: the first directory, wherever in the file it stands, and the length of the chain."""

from __future__ import annotations

import math

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model
from mrimage.image.tags.directory import Directory, Tree

WIDTH, HEIGHT, BITS, PHOTOMETRIC, SAMPLES, FORMAT = 256, 257, 258, 262, 277, 339
COMPRESSION, STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 259, 273, 279, 324, 325
EXTRA_SAMPLES, ICC_PROFILE, INK_SET = 338, 34675, 332
X_RESOLUTION, RESOLUTION_UNIT, PLANAR = 282, 296, 284
SUBFILE_TYPE, SUB_DIRECTORIES, MAKE, DNG_VERSION = 254, 330, 271, 50706

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
_COLOURS = {"gray": 1, "rgb": 3, "palette": 1, "cmyk": 4, "ycbcr": 3, "lab": 3}
_CFA, _LINEAR_RAW = 32803, 34892
_MOST_SAMPLES = 1024
_OLD_JPEG, _JPEG, _LZMA, _ZSTD = 6, 7, 34925, 50000
_BY_LIBVIPS = (None, 1, 2, 3, 4, 5, _JPEG, 8, 32946, 32773, 50001)
_BY_PILLOW = (*_BY_LIBVIPS, _OLD_JPEG, _LZMA, _ZSTD)
"""Compressions that each reads: none, fax, LZW, JPEG, deflate, PackBits, WebP."""
BY_PILLOW, BY_TIFFFILE = "by-pillow", "by-tifffile"
"""Variants of files that libvips' wheel takes for another kind or does not read; the second ones Pillow does not either, or
cuts them to 8 bits."""


def read_tiff(blocks: Blocks) -> Header:
    """Size, sample layout and tags of the first page (TIFF 6.0; BigTIFF by its published layout)."""
    tree = Tree(blocks.at)
    if not tree.valid:
        raise ImageError(
            "corrupt", "Expected a TIFF header with a known version, but received another."
        )
    first = tree.first
    if not len(first):
        kind = "truncated" if tree.offset + 2 > blocks.size else "corrupt"
        raise ImageError(
            kind,
            f"Expected a TIFF directory at byte {tree.offset} of {blocks.size}, but there is none.",
        )
    if _is_raw(first):
        return read_raw(blocks)
    width, height = first.integer(WIDTH), first.integer(HEIGHT)
    if width is None or height is None:
        raise ImageError("corrupt", "Expected a width and a height in the TIFF's first directory.")
    photometric = first.integer(PHOTOMETRIC)
    bands = first.integer(SAMPLES) or 1
    model = _MODELS.get(photometric if photometric is not None else 1)
    if model is None:
        raise ImageError(
            "unsupported",
            f"Expected a known photometric interpretation, but received {photometric}.",
        )
    bits = first.integer(BITS) or 1
    if bits > 64 or bands > _MOST_SAMPLES:
        raise ImageError(
            "corrupt",
            f"Expected samples of up to 64 bits, but received {bands} samples of {bits} bits.",
        )
    has_alpha = _alpha(first, bands - _COLOURS[model])
    return Header(
        "tiff",
        width,
        height,
        bands,
        bits,
        model,
        has_alpha,
        icc=_bytes(first, ICC_PROFILE),
        frames=sum(1 for page in tree.directories() if not _reduced(page)) or 1,
        dpi=resolution(first),
        variant=_variant(first, model, bits, has_alpha),
    )


def _variant(first: Directory, model: Model, bits: int, has_alpha: bool) -> str:
    if _by_libvips(first, model, bits):
        return ""
    if first.integer(COMPRESSION) not in _BY_PILLOW:
        return BY_TIFFFILE
    if bits == 12 and model == "gray":
        return BY_PILLOW
    return BY_TIFFFILE if bits > 8 or (model == "lab" and has_alpha) else BY_PILLOW


def _by_libvips(first: Directory, model: Model, bits: int) -> bool:
    """Does libvips' wheel read this layout, and as what it is?"""
    compression = first.integer(COMPRESSION)
    if compression not in _BY_LIBVIPS or first.integer(PHOTOMETRIC) is None:
        return False
    if first.integer(PLANAR) == 2 and TILE_OFFSETS in first:
        return False
    if model == "ycbcr":
        return compression == _JPEG
    if model == "lab":
        return bits != 8
    return bits not in (12, 24, 64)


def read_raw(blocks: Blocks) -> Header:
    """A camera RAW file built on TIFF: the size of its largest picture, as the directories give it, and the depth where
    that is the sensor's."""
    tree = Tree(blocks.at)
    first = tree.first
    offsets = first.get(SUB_DIRECTORIES) or ()
    pages = (
        [Directory(tree, int(offset)) for offset in offsets[:16]]
        if not isinstance(offsets, bytes)
        else []
    )
    best = max((first, *pages, *tree.directories()), key=lambda page: math.prod(_size(page)))
    sensor = best.integer(PHOTOMETRIC) in (_CFA, _LINEAR_RAW)
    return Header(
        "raw", *_size(best), 3, best.integer(BITS) if sensor else None, "rgb", dpi=resolution(first)
    )


def _size(page: Directory) -> tuple[int, int]:
    return page.integer(WIDTH) or 0, page.integer(HEIGHT) or 0


def check_strips(data: bytes, header: Header) -> None:
    """Raises ImageError when strips or tiles of the first page lie behind the end of the file, ``truncated``, or hold
    less than its uncompressed pixels, ``corrupt``: libvips would compute every one of them before it complains."""
    tree = Tree(lambda start, length: data[start : start + length])
    first = tree.first
    offsets = first.get(STRIP_OFFSETS) or first.get(TILE_OFFSETS)
    counts = first.get(STRIP_COUNTS) or first.get(TILE_COUNTS)
    if not offsets or not counts or isinstance(offsets, bytes) or isinstance(counts, bytes):
        return
    end = max(int(offset + count) for offset, count in zip(offsets, counts, strict=False))
    if end > len(data):
        raise ImageError(
            "truncated", f"Expected {end} bytes of TIFF, but the file has {len(data)}."
        )
    row = (header.width * header.bands * (header.bit_depth or 1) + 7) // 8
    if (
        first.integer(COMPRESSION) == 1
        and header.model != "ycbcr"
        and sum(counts) < row * header.height
    ):
        raise ImageError(
            "corrupt",
            f"Expected {row * header.height} bytes of pixels in the TIFF, but its strips have {sum(counts)}.",
        )


def resolution(directory: Directory) -> float | None:
    """Dots per inch across, from XResolution and ResolutionUnit; None when absent, zero or without a unit."""
    across = directory.number(X_RESOLUTION)
    unit = directory.integer(RESOLUTION_UNIT)
    factor = {None: 1.0, 2: 1.0, 3: 2.54}.get(unit)
    return across * factor if across and factor else None


def _alpha(first: Directory, extra: int) -> bool:
    kinds = first.get(EXTRA_SAMPLES)
    if kinds is None or isinstance(kinds, bytes):
        return False
    return extra > 0 and kinds[0] in (1, 2)


def _bytes(directory: Directory, tag: int) -> bytes | None:
    value = directory.get(tag)
    return value if isinstance(value, bytes) else None


def _reduced(page: Directory) -> bool:
    return bool((page.integer(SUBFILE_TYPE) or 0) & 0b101)


def _is_raw(first: Directory) -> bool:
    if DNG_VERSION in first or first.integer(PHOTOMETRIC) in (_CFA, _LINEAR_RAW):
        return True
    return _reduced(first) and SUB_DIRECTORIES in first and MAKE in first
