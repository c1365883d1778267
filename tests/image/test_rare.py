"""Rare formats: facts and pixels of each layout, and the name of what is known and not read."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.image.crafted import box, fits, os2, pam
from tests.image.samples import opened, photograph, sample, saved

from mrimage.errors import ImageError
from mrimage.image.metadata import Metadata
from mrimage.types import Edits, Limits

RGB = np.asarray(photograph(64, 43))
GRAY = np.asarray(photograph(64, 43).convert("L"))
ALPHA = np.full((43, 64), 77, np.uint8)
ALPHA[:, :32] = 255
RGBA = np.dstack([RGB, ALPHA])


def written(array: np.ndarray, format: str, **options: object) -> bytes:
    return saved(Pillow.fromarray(array), format, **options)


def pixels(content: bytes) -> np.ndarray:
    """What the kernel makes of a file, as PNG."""
    return np.asarray(Pillow.open(io.BytesIO(opened(content).edited(Edits(format="png")).data)))


def refusal(content: bytes) -> ImageError:
    """Why a file is refused."""
    with pytest.raises(ImageError) as caught:
        opened(content).edited(Edits(format="png"))
    return caught.value


def deep(array: np.ndarray) -> np.ndarray:
    return array.astype(np.uint16) * 257


def sgi(planes: np.ndarray, *, packed: bool) -> bytes:
    """An SGI image of ``planes`` (channels x H x W), of which every row is one literal run after another."""
    channels, height, width = planes.shape
    wide, dimensions = planes.itemsize, 3 if channels > 1 else 2
    head = struct.pack(
        ">HBBHHHHII", 474, packed, wide, dimensions, width, height, channels, 0, 255
    ).ljust(512, b"\x00")
    unit = f">u{wide}"
    rows = [row.astype(unit).tobytes() for plane in planes[:, ::-1] for row in plane]
    if not packed:
        return head + b"".join(rows)
    tables, body, start = [], b"", 512 + 8 * len(rows)
    for row in rows:
        runs = [row[at : at + 100 * wide] for at in range(0, len(row), 100 * wide)]
        whole = (
            b"".join((0x80 | len(run) // wide).to_bytes(wide, "big") + run for run in runs)
            + b"\x00" * wide
        )
        tables.append((start + len(body), len(whole)))
        body += whole
    return (
        head
        + b"".join(struct.pack(f">{len(rows)}I", *column) for column in zip(*tables, strict=True))
        + body
    )


XPM = b"""/* XPM */
static char * drawn_xpm[] = {
"4 2 3 1",
" \tc None",
".\tc #FF0000",
"+\tc #0000FF",
".+ .",
"++..",
};
"""
XBM = b"/* drawn by hand */\n#define dot_width 8\n#define dot_height 2\nstatic char dot_bits[] = {\n0x01, 0x80 };\n"

LAYOUTS: dict[
    str, tuple[Callable[[], bytes], np.ndarray, tuple[str, int, int | None, str, bool]]
] = {
    "pcx, gray": (lambda: written(GRAY, "PCX"), GRAY, ("pcx", 1, 8, "gray", False)),
    "pcx, rgb": (lambda: written(RGB, "PCX"), RGB, ("pcx", 3, 8, "srgb", False)),
    "dds, gray": (lambda: written(GRAY, "DDS"), GRAY, ("dds", 1, 8, "gray", False)),
    "dds, alpha": (lambda: written(RGBA, "DDS"), RGBA, ("dds", 4, 8, "srgb", True)),
    "qoi, alpha": (lambda: written(RGBA, "QOI"), RGBA, ("qoi", 4, 8, "srgb", True)),
    "sgi, packed": (
        lambda: sgi(RGB.transpose(2, 0, 1), packed=True),
        RGB,
        ("sgi", 3, 8, "srgb", False),
    ),
    "sgi, gray": (lambda: sgi(GRAY[None], packed=False), GRAY, ("sgi", 1, 8, "gray", False)),
    "sgi, alpha": (
        lambda: sgi(RGBA.transpose(2, 0, 1), packed=False),
        RGBA,
        ("sgi", 4, 8, "srgb", True),
    ),
    "sgi, 16 bits": (
        lambda: sgi(deep(RGB).transpose(2, 0, 1), packed=False),
        RGB,
        ("sgi", 3, 16, "srgb", False),
    ),
    "sgi, 16 bits packed": (
        lambda: sgi(deep(GRAY)[None], packed=True),
        deep(GRAY),
        ("sgi", 1, 16, "gray", False),
    ),
    "fits, gray": (lambda: fits(GRAY[None]), GRAY, ("fits", 1, 8, "gray", False)),
    "fits, rgb": (lambda: fits(RGB.transpose(2, 0, 1)), RGB, ("fits", 3, 8, "srgb", False)),
    "fits, 16 bits": (
        lambda: fits((deep(GRAY)[None].astype(int) - 32_768).astype(np.int16), 32_768),
        deep(GRAY),
        ("fits", 1, 16, "gray", False),
    ),
    "fits, signed": (
        lambda: fits((GRAY[None].astype(np.int16) - 10) * 100),
        (np.maximum(GRAY.astype(int) - 10, 0) * 100).astype(np.uint16),
        ("fits", 1, 16, "gray", False),
    ),
    "pam, gray": (
        lambda: pam(GRAY[..., None], 255, "GRAYSCALE"),
        GRAY,
        ("ppm", 1, 8, "gray", False),
    ),
    "pam, alpha": (lambda: pam(RGBA, 255, "RGB_ALPHA"), RGBA, ("ppm", 4, 8, "srgb", True)),
    "pam, gray alpha": (
        lambda: pam(np.dstack([GRAY, ALPHA]), 255, "GRAYSCALE_ALPHA"),
        np.dstack([GRAY, ALPHA]),
        ("ppm", 2, 8, "gray", True),
    ),
    "pam, 16 bits": (
        lambda: pam(deep(GRAY)[..., None], 65_535, "GRAYSCALE"),
        deep(GRAY),
        ("ppm", 1, 16, "gray", False),
    ),
    "pam, black and white": (
        lambda: pam((GRAY[..., None] > 99).astype(np.uint8), 1, "BLACKANDWHITE"),
        np.where(GRAY > 99, 255, 0),
        ("ppm", 1, 1, "gray", False),
    ),
    **{
        f"bmp of OS/2, {size} bytes": (
            lambda size=size: os2(written(RGB, "BMP"), size),
            RGB,
            ("bmp", 3, 8, "srgb", False),
        )
        for size in (16, 24, 36, 48, 64)
    },
    "bmp of OS/2, array": (
        lambda: os2(written(RGB, "BMP"), 40, array=True),
        RGB,
        ("bmp", 3, 8, "srgb", False),
    ),
    "bmp of OS/2, array of 16": (
        lambda: os2(written(RGB, "BMP"), 16, array=True),
        RGB,
        ("bmp", 3, 8, "srgb", False),
    ),
}


def layout(found: Metadata) -> tuple[str, int, int | None, str, bool]:
    return found.format, found.bands, found.bit_depth, found.color_space, found.has_alpha


@pytest.mark.parametrize("name", LAYOUTS)
def test_facts_and_pixels_of_a_rare_format(name: str) -> None:
    make, expected, facts = LAYOUTS[name]
    found = opened(make()).metadata
    assert (found.width, found.height) == (64, 43)
    assert layout(found) == facts
    shown = pixels(make()).astype(int)
    wanted = expected.astype(int)
    if shown.max() > 255 and wanted.max() < 256:  # a PNG that Pillow reads with its 16 bits
        wanted = wanted * 257
    assert np.abs(shown - wanted).max() == 0


def test_color_of_sixteen_bits_keeps_all_of_them() -> None:
    values = np.arange(43 * 64 * 3, dtype=np.uint16).reshape(3, 43, 64) * 7
    for content in (sgi(values, packed=True), pam(values.transpose(1, 2, 0), 65_535, "RGB")):
        tiff = opened(content).edited(Edits(format="tiff")).data
        tifffile = pytest.importorskip("tifffile")
        assert (tifffile.imread(io.BytesIO(tiff)) == values.transpose(1, 2, 0)).all()


def test_a_palette_with_a_hole_in_an_xpm() -> None:
    found = opened(XPM).metadata
    assert (found.width, found.height) == (4, 2)
    assert layout(found) == ("xpm", 1, 8, "palette-srgb", True)
    red, blue, none = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
    assert (pixels(XPM)[0, :2] == [red, blue]).all()
    assert tuple(pixels(XPM)[0, 2])[3] == none[3]


def test_an_xbm_may_begin_with_a_comment() -> None:
    found = opened(XBM).metadata
    assert (found.width, found.height) == (8, 2)
    assert layout(found) == ("xbm", 1, 1, "gray", False)
    assert np.flatnonzero(pixels(XBM).ravel()).tolist() == [0, 15]


@pytest.mark.parametrize(("planes", "bits"), [(2, 2), (4, 4)])
def test_the_planes_of_a_pcx_are_the_bits_of_its_indices(planes: int, bits: int) -> None:
    head = struct.pack("<BBBB4HHH", 10, 5, 1, 1, 0, 0, 15, 3, 72, 72) + bytes(range(48)) + b"\x00"
    head = (head + struct.pack("<BHH", planes, 2, 1)).ljust(128, b"\x00")
    content = head + b"\x01" * 2 * planes * 4
    found = opened(content).metadata
    assert (found.width, found.height, found.dpi) == (16, 4, 72)
    assert layout(found) == ("pcx", 1, bits, "palette-srgb", False)
    assert pixels(content).shape[:2] == (4, 16)


def test_the_depth_of_a_dds_is_that_of_its_masks() -> None:
    content = bytearray(written(RGB, "DDS")[:128] + b"\x00" * 64 * 43 * 2)
    content[88:104] = struct.pack("<4I", 16, 0xF800, 0x07E0, 0x001F)
    assert layout(opened(bytes(content)).metadata) == ("dds", 3, 6, "srgb", False)


def test_a_cursor_is_read_like_an_icon() -> None:
    icon = bytearray(written(RGBA[:32, :32], "ICO", sizes=[(32, 32)], bitmap_format="bmp"))
    icon[2] = 2
    icon[10:14] = struct.pack("<HH", 5, 9)  # the hot spot
    found = opened(bytes(icon)).metadata
    assert (found.format, found.width, found.height, found.has_alpha) == ("ico", 32, 32, True)
    assert (pixels(bytes(icon)) == RGBA[:32, :32]).all()


@pytest.mark.parametrize(
    "name",
    ["plain.pcx", "plain.dds", "plain.sgi", "plain.qoi", "gray.fits", "colors.pam", "plain.bmp"],
)
def test_a_rare_format_that_ends_early_is_truncated(name: str) -> None:
    content = sample(name)
    cut = content[: len(content) * 2 // 3]
    assert refusal(cut).reason == "truncated"
    result = opened(cut, Limits(allow_truncated=True)).edited(Edits(format="png"))
    assert result.width == opened(content).metadata.width


NAMED: dict[str, bytes | Callable[[], bytes]] = {
    "OpenEXR": b"\x76\x2f\x31\x01\x02\x00\x00\x00",
    "Radiance HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\x80\x80\x80\x80",
    "JPEG XR": b"II\xbc\x01\x20\x00\x00\x00",
    "XCF": b"gimp xcf v011\x00",
    "AVC": lambda: heif(b"avci", b"avc1"),
    "VVC": lambda: heif(b"mif1", b"vvc1"),
    "JPEG 2000": lambda: heif(b"mif1", b"j2k1"),
    "minimized": lambda: (
        box(b"ftyp", b"mif3\x00\x00\x00\x00mif3avif") + box(b"mini", b"\x00" * 200)
    ),
    "sequence": lambda: box(b"ftyp", b"hevc\x00\x00\x00\x00hevc") + box(b"moov", b"\x00" * 200),
    "JPEG-LS": b"\xff\xd8\xff\xf7\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00\xff\xda\x00\x08",
    "floating-point": lambda: fits(np.zeros((1, 8, 8), np.float32)),
    "scale of 2.0": lambda: fits(np.zeros((1, 8, 8), np.uint8), BSCALE=2),
    "first unit": lambda: fits(np.zeros((1, 8, 8), np.uint8), NAXIS=0),
    "has 5 channels": lambda: sgi(np.zeros((5, 8, 8), np.uint8), packed=False),
    "OS/2": lambda: os2_huffman(),
}


def heif(brand: bytes, coding: bytes) -> bytes:
    """A HEIF file whose primary picture is of that coding."""
    entry = box(b"infe", b"\x02\x00\x00\x00" + struct.pack(">HH", 1, 0) + coding + b"\x00")
    items = box(b"iinf", b"\x00" * 4 + struct.pack(">H", 1), entry)
    size = box(b"ipco", box(b"ispe", b"\x00" * 4 + struct.pack(">II", 64, 48)))
    owned = box(b"ipma", b"\x00" * 4 + struct.pack(">IHBB", 1, 1, 1, 1))
    primary = box(b"pitm", b"\x00" * 4 + struct.pack(">H", 1))
    meta = box(b"meta", b"\x00" * 4, primary, items, box(b"iprp", size, owned))
    return box(b"ftyp", brand + b"\x00\x00\x00\x00mif1") + meta + box(b"mdat", b"\x00" * 99)


def os2_huffman() -> bytes:
    content = bytearray(os2(written(RGB, "BMP"), 64))
    content[30:34] = struct.pack("<I", 3)
    return bytes(content)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_known_and_not_read_is_unsupported_by_its_name(name: str) -> None:
    made = NAMED[name]
    content = made() if callable(made) else made.ljust(600, b"\x00")
    error = refusal(content)
    assert error.reason == "unsupported"
    assert name in str(error)


def test_av1_in_a_file_of_heif_is_read_as_avif() -> None:
    content = sample("photo.avif").replace(b"avif", b"mif1", 1).replace(b"avif", b"miaf")
    found = opened(content).metadata
    assert (found.format, found.width) == ("avif", 320)
    assert np.abs(pixels(content).astype(int) - np.asarray(photograph())).mean() < 5


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x05\x01\x08" + b"\xff" * 200,
        b"\x0amenu of the day\n" * 20,
        b"\x01\xda" + b"some bytes" * 30,
        b"BA sheep\n" * 30,
        b"#define NAME 3\nint main() { return 0; }\n" * 9,
        b"SIMPLE words\n" * 40,
        b"P7 332\n#XVVERSION:Version 2.28\n" * 9,
        b"%PDF-1.4\n1 0 obj\n" * 9,
    ],
)
def test_what_only_begins_like_a_picture_is_none(content: bytes) -> None:
    assert refusal(content).reason == "not-an-image"
