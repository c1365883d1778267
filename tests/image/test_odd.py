"""Odd files that are sound, and hostile ones: pixels as they are meant, or a reason, soon and from little memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.image.crafted import box, chunk, icon, jpeg_xl_head, photoshop, png_with, segment, tiff
from tests.image.samples import SAMPLES, opened, photograph, sample, saved
from tests.image.test_damage import REASONS, reason_of

from mrimage.errors import ImageError
from mrimage.image.decode.jpeg import MOST_SCANS
from mrimage.types import Edits

GRAY = np.asarray(photograph(64, 43).convert("L"))
RGB = np.asarray(photograph(64, 43))
SIZE = (64, 43)
LIGHT = np.where(RGB > 10, ((RGB / 255 + 0.055) / 1.055) ** 2.4, RGB / 255 / 12.92)
"""Floating-point RGB is linear light (IEC 61966-2-2, scRGB)."""


def twelve_bits() -> bytes:
    values = np.rint(GRAY * (4095 / 255)).astype(int)
    first, second = values[:, ::2], values[:, 1::2]
    return (
        np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1)
        .astype(np.uint8)
        .tobytes()
    )


def beside(*more: np.ndarray) -> bytes:
    return np.concatenate([RGB, *[layer[..., None] for layer in more]], axis=-1).tobytes()


ZERO = np.zeros_like(GRAY)
LAYOUTS: dict[str, Callable[[], bytes]] = {
    "12 bits": lambda: tiff(twelve_bits(), SIZE, 12, 1, 1),
    "floats of half": lambda: tiff(LIGHT.astype("<f2").tobytes(), SIZE, 16, 2, 3, format=3),
    "one sample that is no alpha": lambda: tiff(beside(ZERO), SIZE, 8, 2, 4, extra=(0,)),
    "five samples that are no alpha": lambda: tiff(
        beside(*[ZERO] * 5), SIZE, 8, 2, 8, extra=(0,) * 5
    ),
    "seven bands": lambda: tiff(
        np.repeat(GRAY[..., None], 7, axis=-1).tobytes(), SIZE, 8, 1, 7, extra=(0,) * 6
    ),
    "doubles": lambda: tiff(LIGHT.astype("<f8").tobytes(), SIZE, 64, 2, 3, format=3),
    "photoshop's floats": lambda: photoshop(LIGHT.transpose(2, 0, 1).astype(np.float32), 3),
    "a loop of pages": lambda: tiff(RGB.tobytes(), SIZE, 8, 2, 3, following=8),
}


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize(
    "keyword", ["café".encode("latin-1"), b"\xff\xfe", "Beschreibung \xfcber".encode("latin-1")]
)
def test_the_keyword_of_a_png_text_may_be_latin_1(kind: bytes, keyword: bytes) -> None:
    bodies = {
        b"tEXt": keyword + b"\x00some text",
        b"zTXt": keyword + b"\x00\x00" + zlib.compress(b"some text"),
        b"iTXt": keyword + b"\x00\x00\x00\x00\x00some text",
    }
    image = opened(png_with(sample("rgb.png"), (kind, bodies[kind])))
    for format in ("png", "webp", "tiff"):
        result = image.edited(Edits(to="srgb", format=format))
        shown = np.asarray(Pillow.open(io.BytesIO(result.data)).convert("RGB")).astype(int)
        assert np.abs(shown - np.asarray(photograph())).mean() < 4


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tiff_of_an_odd_layout_shows_the_photograph(name: str) -> None:
    image = opened(LAYOUTS[name]())
    shown = image.thumbnail(*SIZE).astype(float)
    wanted = (
        np.asarray(photograph(*SIZE).convert("L").convert("RGB"))
        if image.metadata.color_space == "gray"
        else RGB
    )
    assert np.abs(shown - wanted).mean() < 1.5
    assert image.features(["content"])["brightness"] > 0
    assert image.metadata.frames == 1


def test_numbers_that_are_none_do_not_spread() -> None:
    values = LIGHT.astype("<f4")
    values[:4] = np.nan
    values[4:6] = np.inf, 0, -np.inf
    content = tiff(values.tobytes(), SIZE, 32, 2, 3, format=3)
    assert np.abs(opened(content).thumbnail(*SIZE)[8:].astype(float) - RGB[8:]).mean() < 1.5
    assert opened(content).edited(Edits(resize=(16, 16), to="srgb", format="png")).width == 16


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", [0, 3])
def test_transparency_of_a_png_of_any_depth_is_that_of_the_value_named(
    bits: int, kind: int
) -> None:
    side = 8
    rows = np.zeros((side, side), dtype=np.uint8)
    rows[:, side // 2 :] = 1
    packed = np.packbits((rows[..., None] >> np.arange(bits)[::-1]) & 1, axis=None).reshape(
        side, -1
    )
    body = zlib.compress(b"".join(b"\x00" + row.tobytes() for row in packed))
    extra = [chunk(b"PLTE", b"\x00\x00\x00\xff\x00\x00")] if kind == 3 else []
    extra.append(chunk(b"tRNS", b"\xff\x00" if kind == 3 else b"\x00\x01"))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0))
    image = opened(
        b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
    assert (image.metadata.bit_depth, image.metadata.has_alpha) == (bits, True)
    shown = image.thumbnail(side, side)
    assert (shown[:, : side // 2] == 0).all()
    assert (shown[:, side // 2 :] == 255).all()


def test_stray_bytes_in_the_header_of_a_jpeg_are_forgiven() -> None:
    content = sample("baseline.jpg")
    for junk in (b"\x00", b"\x12\x34\x56\x78\x9a", b"\xff\x00\x01\x02"):
        image = opened(content[:20] + junk + content[20:])
        assert np.abs(image.thumbnail(320, 213).astype(float) - np.asarray(photograph())).mean() < 3
        assert (
            reason_of(opened(content[:20] + junk + content[20 : len(content) // 2])) == "truncated"
        )


def recursive_exif() -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005))
    return segment(
        0xE1, b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x03\x00" + entries + struct.pack("<I", 8)
    )


def with_scans(count: int) -> bytes:
    content = sample("progressive.jpg")
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * count + b"\xff\xd9"


def bomb(times: int) -> bytes:
    return zlib.compress(b"\x00" * times, 9)


BOMBS = {
    "fill bytes": lambda: b"\xff\xd8" + b"\xff" * 8_000_000 + sample("baseline.jpg")[2:],
    "empty segments": lambda: (
        b"\xff\xd8" + segment(0xE5, b"") * 2_000_000 + sample("baseline.jpg")[2:]
    ),
    "EXIF that leads to itself": lambda: (
        b"\xff\xd8" + recursive_exif() + sample("baseline.jpg")[2:]
    ),
    "scans": lambda: with_scans(MOST_SCANS),
    "chunks": lambda: png_with(sample("rgb.png"), *[(b"tEXt", b"a\x00b")] * 100_001),
    "a profile of 64 megabytes": lambda: png_with(
        sample("rgb.png"), (b"iCCP", b"x\x00\x00" + bomb(1 << 26))
    ),
    "a text of 64 megabytes": lambda: png_with(
        sample("rgb.png"), (b"zTXt", b"Copyright\x00\x00" + bomb(1 << 26))
    ),
    "a comment without end": lambda: b"P6\n#" + b"x" * 5_000_000 + b"\n4 3 255\n" + b"\x00" * 36,
    "a number without end": lambda: b"P6 " + b"9" * 1_000_000 + b" 3 255\n",
    "a PNG of gigapixels in an icon": lambda: icon(claiming(30_000)),
    "a BMP of gigapixels in an icon": lambda: icon(
        struct.pack("<IiiHHIIiiII", 40, 30_000, 60_000, 1, 32, *[0] * 6)
    ),
    "a JPEG XL of gigapixels": lambda: jpeg_xl_head(200_000, 200_000),
    "a Photoshop file of gigapixels": lambda: photoshop(np.zeros((3, 1, 1), np.uint8), 3).replace(
        struct.pack(">II", 1, 1), struct.pack(">II", 300_000, 300_000)
    ),
    "pages": lambda: tiff(b"\x00" * 12, (4, 3), 8, 1, 1, following=1 << 20) + b"\x00" * (1 << 20),
    "a tag of two gigabytes": lambda: tiff(
        b"\x00" * 12, (4, 3), 8, 1, 1, tags={34675: (7, 0x7FFFFFFF, b"\x00" * 4)}
    ),
    "65,535 samples": lambda: tiff(b"\x00" * 12, (4, 3), 8, 1, 1).replace(
        struct.pack("<HHIH", 277, 3, 1, 1), struct.pack("<HHIH", 277, 3, 1, 65_535)
    ),
    "boxes within nothing": lambda: (
        box(b"ftyp", b"avif\x00\x00\x00\x00mif1") + box(b"free") * 100_000
    ),
    "no frame": lambda: sample("still.gif")[:13] + b"\x00" * 768 + b";",
}


def claiming(side: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", bomb(1 << 20)) + chunk(b"IEND", b"")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_taken_or_refused_soon_and_from_little_memory(name: str) -> None:
    content = BOMBS[name]()
    tracemalloc.start()
    try:
        assert reason_of(opened(content)) in REASONS | {None}
        image = opened(content)
        with suppress(ImageError):
            assert (
                image.edited(
                    Edits(resize=(8, 8), fit="cover", format="jpeg", metadata="keep")
                ).width
                == 8
            )
        assert tracemalloc.get_traced_memory()[1] < 120_000_000
    finally:
        tracemalloc.stop()


def test_too_many_scans_are_corrupt_and_as_many_as_writers_make_are_not() -> None:
    assert reason_of(opened(with_scans(MOST_SCANS))) == "corrupt"
    assert reason_of(opened(sample("progressive.jpg"))) is None


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_header_that_ends_at_any_byte_is_read_or_has_a_reason(name: str) -> None:
    content = sample(name)
    whole = opened(content).metadata
    for end in range(1, min(len(content), 500)):
        with suppress(ImageError):
            found = opened(content[:end]).metadata
            assert (found.format, found.width > 0) == (whole.format, True)


@pytest.mark.parametrize("kind", [8, 64])
def test_what_no_decoder_here_reads_is_unsupported_and_still_catalogued(
    kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    content = {
        8: tiff(beside(GRAY), SIZE, 8, 8, 4, extra=(2,)),
        64: tiff(LIGHT.astype("<f8").tobytes(), SIZE, 64, 2, 3, format=3),
    }[kind]
    image = opened(content)
    assert (image.metadata.width, image.metadata.height) == SIZE
    with pytest.raises(ImageError, match=r"mrimage\[deep\]") as caught:
        image.thumbnail(8, 8)
    assert caught.value.reason == "unsupported"


def test_a_size_that_is_said_twice_and_differently_is_corrupt_before_memory_is_asked_for() -> None:
    content = sample("photo.jp2")
    lie = content.replace(struct.pack(">II", 213, 320), struct.pack(">II", 1_000_000, 320), 1)
    with pytest.raises(ImageError, match="decoder finds 320x1000000") as caught:
        opened(lie).thumbnail(20, 20)
    assert caught.value.reason == "corrupt"


def frame(left: int, top: int, width: int, height: int) -> bytes:
    """A frame of a GIF."""
    content = saved(Pillow.new("P", (width, height)), "GIF")
    start = content.index(b"\x2c" + struct.pack("<HHHH", 0, 0, width, height))
    return b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0) + content[start + 10 : -1]


@pytest.mark.parametrize(
    ("screen", "place", "size"),
    [
        ((640, 480), (100, 50, 200, 100), (640, 480)),
        ((300, 200), (0, 0, 300, 200), (300, 200)),
        ((3000, 30), (0, 0, 40, 30), (3000, 30)),
        ((10, 10), (5, 0, 40, 30), (45, 30)),
        ((0, 0), (0, 0, 40, 30), (40, 30)),
    ],
)
def test_a_gif_has_the_size_of_its_screen_or_of_its_first_frame(
    screen: tuple[int, int], place: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\xff\x00\x00" * 2
    image = opened(head + frame(*place) + b";")
    assert (image.metadata.width, image.metadata.height) == size
    left, top, wide, high = place
    shown = image.thumbnail(*size)
    assert (shown[top : top + high, left : left + wide] == (255, 0, 0)).all()
    assert (shown == (255, 0, 0)).all(axis=-1).sum() == wide * high
