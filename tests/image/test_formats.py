"""Every format is recognized by its content, decodes to what it shows, and becomes every output format."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from tests.image.raw import raw_photograph
from tests.image.samples import ARITHMETIC, SAMPLES, opened, photograph, sample, saved

from mrimage.errors import ImageError
from mrimage.image import ENCODERS, EXTENSIONS, formats
from mrimage.types import Edits

LOSS = {
    "cmyk.jpg": 9,
    "cmyk.tif": 9,
    "ycck.jpg": 9,
    "two.mpo": 4,
    "moving.webp": 4,
    "palette.png": 5,
    "palette.bmp": 5,
    "palette.pcx": 5,
}
"""Mean difference that a format's own loss explains, where it is more than 3 of 255."""

WHOLE = sorted(set(SAMPLES) - {"site.ico", "rgba.png", "lossless.webp"})


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_shows_the_photograph_it_was_made_from(name: str) -> None:
    shown = opened(sample(name)).thumbnail(320, 213).astype(float)
    expected = photograph()
    if name.startswith("gray"):
        expected = expected.convert("L").convert("RGB")
    elif name.startswith("bits"):
        expected = expected.convert("1").convert("RGB")
    assert np.abs(shown - np.asarray(expected, dtype=float)).mean() < LOSS.get(name, 3)


def _deep(picture: Pillow.Image) -> Pillow.Image:
    return Pillow.fromarray(np.asarray(picture).astype(np.uint16) * 257)


def _libvips(space: str, **options: object) -> bytes:
    image = pyvips.Image.new_from_array(np.asarray(photograph()))
    return bytes(image.colourspace(space).write_to_buffer(".tif", **options))


GRAY = photograph().convert("L")
UNUSUAL = {
    "tiff, YCbCr without JPEG": (lambda: saved(photograph().convert("YCbCr"), "TIFF"), "ycbcr", 8),
    "tiff, float gray": (
        lambda: saved(Pillow.fromarray(np.asarray(GRAY) / np.float32(255)), "TIFF"),
        "gray",
        32,
    ),
    "tiff, signed gray": (
        lambda: saved(Pillow.fromarray(np.asarray(GRAY).astype(np.int32) * 257), "TIFF"),
        "gray",
        32,
    ),
    "tiff, deep gray": (lambda: saved(_deep(GRAY), "TIFF"), "gray", 16),
    "tiff, white is zero": (lambda: _libvips("b-w", miniswhite=True), "gray", 8),
    "tiff, gray with alpha": (lambda: saved(photograph().convert("LA"), "TIFF"), "gray", 8),
    "tiff, palette": (lambda: saved(photograph().quantize(256), "TIFF"), "palette-srgb", 8),
    "tiff, Lab of 16 bits": (lambda: _libvips("labs"), "lab", 16),
    "tiff, Lab of floats": (lambda: _libvips("lab"), "lab", 32),
    "tiff, pyramid": (lambda: _libvips("srgb", tile=True, pyramid=True), "srgb", 8),
    "tiff, JPEG tiles": (lambda: _libvips("srgb", tile=True, compression="jpeg", Q=95), "srgb", 8),
    "png, 4 bits": (lambda: saved(photograph().quantize(16), "PNG", bits=4), "palette-srgb", 4),
    "png, transparent color": (
        lambda: saved(photograph(), "PNG", transparency=(1, 2, 3)),
        "srgb",
        8,
    ),
    "ppm, deep": (
        lambda: b"P5 320 213 65535\n" + (np.asarray(GRAY).astype(">u2") * 257).tobytes(),
        "gray",
        16,
    ),
    "ppm, float": (
        lambda: b"Pf\n320 213\n-1.0\n" + (np.asarray(GRAY)[::-1] / np.float32(255)).tobytes(),
        "gray",
        32,
    ),
    "jp2, deep": (lambda: saved(_deep(GRAY), "JPEG2000"), "gray", 16),
    "jp2, bare codestream": (lambda: saved(photograph(), "JPEG2000", no_jp2=True), "srgb", 8),
    "bmp, gray": (lambda: saved(GRAY, "BMP"), "gray", 8),
    "tga, palette": (lambda: saved(photograph().quantize(256), "TGA"), "palette-srgb", 8),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_layouts_show_the_photograph(name: str) -> None:
    make, space, depth = UNUSUAL[name]
    image = opened(make())
    assert (image.metadata.color_space, image.metadata.bit_depth) == (space, depth)
    gray = space == "gray"
    expected = np.asarray(
        photograph().convert("L").convert("RGB") if gray else photograph(), dtype=float
    )
    lost = 7 if "palette" in space else 3
    assert np.abs(image.thumbnail(320, 213) - expected).mean() < lost
    small = opened(
        image.edited(Edits(resize=(32, 21), fit="stretch", to="srgb", format="png")).data
    )
    assert np.abs(small.thumbnail(32, 21).mean() - expected.mean()) < lost


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_name_does_not_matter(name: str) -> None:
    expected = {
        "jpg": "jpeg",
        "mpo": "jpeg",
        "tif": "tiff",
        "pgm": "ppm",
        "pbm": "ppm",
        "pam": "ppm",
    }
    extension = name.rpartition(".")[2]
    assert opened(sample(name)).metadata.format == expected.get(extension, extension)


@pytest.mark.parametrize("format", ENCODERS)
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_format_becomes_every_output(name: str, format: str) -> None:
    for edits in (
        Edits(resize=(40, 90), fit="pad", correct="equalize", format=format),
        Edits(resize=(50, 20), fit="cover", to="srgb", format=format, background=(1, 2, 3)),
        Edits(resize=(60, 60), fit="contain", enlarge=False, format=format),
    ):
        result = opened(sample(name)).edited(edits)
        read = opened(result.data).metadata
        assert (read.width, read.height) == (result.width, result.height)
        if edits.fit != "contain":
            assert (result.width, result.height) == edits.resize
        assert result.extension in EXTENSIONS


@pytest.mark.parametrize("name", ["rgb.png", "deep.png", "plain.tif", "plain.bmp"])
def test_unedited_lossless_images_keep_every_pixel(name: str) -> None:
    result = opened(sample(name)).edited(Edits(format="png"))
    shown = opened(result.data).thumbnail(320, 213)
    assert np.array_equal(shown, np.asarray(photograph()))


@pytest.mark.parametrize(
    "text", [b"<!doctype html><title>404</title>", b"hello" * 50, b"\x00" * 64, b"%PDF-1.7", b"BM"]
)
def test_what_is_no_image_is_called_so(text: bytes) -> None:
    with pytest.raises(ImageError) as caught:
        _ = opened(text).metadata
    assert caught.value.reason == "not-an-image"


def test_no_bytes_are_empty() -> None:
    for use in (lambda: opened(b"").metadata, lambda: opened(b"").features(["hash"])):
        with pytest.raises(ImageError) as caught:
            use()
        assert caught.value.reason == "empty"


def test_animations_give_their_first_frame_and_their_count() -> None:
    for name in ("moving.png", "moving.webp", "moving.gif", "pages.tif", "two.mpo"):
        assert opened(sample(name)).metadata.frames == 2


def test_the_table_of_formats_names_every_sample() -> None:
    readable = {row.format for row in formats() if row.read}
    assert {opened(sample(name)).metadata.format for name in SAMPLES} <= readable


def test_a_format_without_its_decoder_says_which_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    stream = io.BytesIO()
    pytest.importorskip("pillow_heif").from_pillow(photograph()).save(stream)
    image = opened(stream.getvalue())
    assert (image.metadata.format, image.metadata.width) == ("heic", 320)
    with pytest.raises(ImageError, match=r"mrimage\[heif\]") as caught:
        image.thumbnail(20, 20)
    assert caught.value.reason == "unsupported"


def test_the_table_of_formats_says_what_a_missing_decoder_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for format, extra in (("heic", "heif"), ("jxl", "jxl"), ("raw", "raw")):
        row = next(row for row in formats() if row.format == format)
        assert not row.read
        assert f"mrimage[{extra}]" in str(row.reason)
        assert extra in extras
    for format in ("jpeg", "tiff", "jp2"):
        row = next(row for row in formats() if row.format == format)
        assert row.read
        assert "mrimage[deep]" in str(row.reason)
    assert "deep" in extras
    assert all(row.read and row.reason is None for row in formats() if row.format in ("png", "psd"))


def test_heic_and_jpeg_xl_decode_with_their_extras() -> None:
    heif, _ = pytest.importorskip("pillow_heif"), pytest.importorskip("pillow_jxl")
    stream = io.BytesIO()
    heif.from_pillow(photograph()).save(stream, quality=90)
    xl = io.BytesIO()
    photograph().save(xl, format="JXL")
    for content in (stream.getvalue(), xl.getvalue()):
        shown = opened(content).thumbnail(320, 213).astype(float)
        assert np.abs(shown - np.asarray(photograph(), dtype=float)).mean() < 5


def test_arithmetic_coding_is_decoded() -> None:
    shown = opened(ARITHMETIC).thumbnail(72, 48).astype(float)
    assert opened(ARITHMETIC).metadata.width == 72
    assert np.abs(shown - np.asarray(photograph(72, 48), dtype=float)).mean() < 9


def test_twelve_bits_are_refused_with_a_reason_where_their_decoder_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twelve = bytearray(sample("baseline.jpg"))
    twelve[twelve.index(b"\xff\xc0") + 4] = 12
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    with pytest.raises(
        ImageError, match=r"12-bit and lossless JPEG is not installed: pip install .mrimage\[deep\]"
    ) as caught:
        opened(bytes(twelve)).thumbnail(20, 20)
    assert caught.value.reason == "unsupported"


def test_inks_of_a_jpeg_are_inverted_as_adobe_writes_them() -> None:
    for name in ("cmyk.jpg", "ycck.jpg"):
        content = sample(name)
        assert (
            np.abs(
                opened(content).thumbnail(40, 27).astype(int) - np.asarray(photograph(40, 27))
            ).mean()
            < 12
        )


def test_camera_raw_is_developed_with_its_extra() -> None:
    pytest.importorskip("rawpy")
    image = opened(raw_photograph())
    assert (image.metadata.format, image.metadata.width, image.metadata.camera) == (
        "raw",
        96,
        "Ann One",
    )
    shown = image.thumbnail(96, 64).astype(
        float
    )  # LibRaw brightens, so that only the picture is compared
    assert np.corrcoef(shown.ravel(), np.asarray(photograph(96, 64)).ravel())[0, 1] > 0.9


def test_palette_transparency_survives() -> None:
    image = Pillow.new("P", (20, 20), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 10, 20))
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=0)
    result = opened(stream.getvalue()).edited(Edits(format="png"))
    alpha = np.asarray(Pillow.open(io.BytesIO(result.data)).convert("RGBA"))[..., 3]
    assert (alpha[:, :10] == 0).all()
    assert (alpha[:, 10:] == 255).all()
