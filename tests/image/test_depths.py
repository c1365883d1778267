"""Layouts of formats whose decoders do not tell them, or not right: depths, profiles, frames, from the header alone."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from PIL import ImageCms
from tests.image.crafted import box, icon, jpeg_xl_head, photoshop
from tests.image.raw import canon_raw, fujifilm_raw, raw_photograph
from tests.image.samples import opened, photograph, sample, saved

from mrimage.errors import ImageError
from mrimage.image.color.conversion import built_in
from mrimage.types import Edits

GRAY = photograph().convert("L")
DEEP = np.asarray(photograph(96, 64)).astype(np.uint16) * 257
PLANES = np.asarray(photograph()).transpose(2, 0, 1)


def deep_gray() -> Pillow.Image:
    return Pillow.fromarray(np.asarray(GRAY).astype(np.uint16) * 257)


def avif(bits: int) -> bytes:
    image = pyvips.Image.new_from_array(DEEP).copy(interpretation="rgb16")
    return bytes(image.heifsave_buffer(compression="av1", bitdepth=bits, Q=90, effort=0))


def heic() -> bytes:
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    heif.from_bytes(mode="RGB;16", size=(96, 64), data=DEEP.tobytes()).save(stream, quality=90)
    return stream.getvalue()


def jpeg_xl(picture: Pillow.Image, **options: object) -> bytes:
    pytest.importorskip("pillow_jxl")
    return saved(picture, "JXL", **options)


def bmp_icon(bits: int) -> bytes:
    colors = b"\x10\x20\x30\x00" * (1 << bits) if bits <= 8 else b""
    rows = b"\x00" * ((16 * bits + 31) // 32 * 4 * 16 + 64)
    return icon(struct.pack("<IiiHHIIiiII", 40, 16, 32, 1, bits, *[0] * 6) + colors + rows, bits)


def two_colors() -> Pillow.Image:
    return GRAY.convert("1").convert("P")


DEPTHS: dict[str, tuple[Callable[[], bytes], int, int]] = {
    "jpeg xl, RGB": (lambda: jpeg_xl(photograph()), 8, 3),
    "jpeg xl, gray and alpha": (lambda: jpeg_xl(photograph().convert("LA")), 8, 2),
    "jpeg xl, 16 bits": (lambda: jpeg_xl(deep_gray(), lossless=True), 16, 1),
    "jpeg xl, float": (
        lambda: jpeg_xl(Pillow.fromarray(np.asarray(GRAY) / np.float32(255)), lossless=True),
        32,
        1,
    ),
    "jpeg xl, in boxes": (lambda: jpeg_xl(photograph(), use_container=True), 8, 3),
    "avif, 8 bits": (lambda: avif(8), 8, 3),
    "avif, 10 bits": (lambda: avif(10), 10, 3),
    "avif, 12 bits": (lambda: avif(12), 12, 3),
    "heic, 10 bits": (heic, 10, 3),
    "jp2, 16 bits": (lambda: saved(deep_gray(), "JPEG2000"), 16, 1),
    "jp2, bare": (lambda: saved(photograph(), "JPEG2000", no_jp2=True), 8, 3),
    "gif, 256 colors": (lambda: saved(photograph().quantize(256), "GIF"), 8, 1),
    "gif, 4 colors": (lambda: saved(photograph().quantize(4), "GIF"), 2, 1),
    "icon, 4 bits": (lambda: bmp_icon(4), 4, 1),
    "icon, 24 bits": (lambda: bmp_icon(24), 8, 3),
    "icon, PNG": (lambda: icon(saved(deep_gray().resize((256, 256)), "PNG")), 16, 1),
    "tga, 16 bits": (
        lambda: struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 4, 3, 16, 32) + b"\x00" * 24,
        5,
        4,
    ),
    "psd, 16 bits": (lambda: photoshop(PLANES.astype(np.uint16) * 257, 3), 16, 3),
    "psb, alpha beside": (
        lambda: photoshop(np.concatenate([PLANES, PLANES[:1]]), 3, large=True),
        8,
        4,
    ),
    "ppm, white is 1023": (lambda: b"P6 4 3 1023\n" + b"\x00" * 72, 10, 3),
    "ppm, a comment": (lambda: b"P5\n# by hand\n4 3\n# more\n15\n" + b"\x00" * 12, 4, 1),
    "pfm, color": (lambda: b"PF\n4 3\n-1.0\n" + b"\x00" * 144, 32, 3),
    "webp": (lambda: sample("lossy.webp"), 8, 3),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_and_bands_are_those_of_the_file(name: str) -> None:
    make, depth, bands = DEPTHS[name]
    metadata = opened(make()).metadata
    assert (metadata.bit_depth, metadata.bands) == (depth, bands)


@pytest.mark.parametrize("name", ["avif, 12 bits", "heic, 10 bits", "psd, 16 bits"])
def test_more_than_eight_bits_are_decoded_as_such(name: str) -> None:
    kept = opened(opened(DEPTHS[name][0]()).edited(Edits(format="png")).data)
    assert kept.metadata.bit_depth == 16
    expected = photograph(kept.metadata.width, kept.metadata.height)
    assert np.abs(kept.thumbnail(*expected.size).astype(float) - np.asarray(expected)).mean() < 3


def test_a_deep_ppm_keeps_its_depth() -> None:
    values = np.linspace(0, 1023, 4 * 3 * 3).round().astype(">u2").reshape(3, 4, 3)
    result = opened(b"P6 4 3 1023\n" + values.tobytes()).edited(Edits(format="png")).data
    assert np.array_equal(
        pyvips.Image.new_from_buffer(result, "").numpy(), np.rint(values * (65_535 / 1023))
    )


def test_a_float_map_is_read_from_bottom_to_top() -> None:
    values = np.zeros((2, 4, 3), dtype="<f4")
    values[0] = (1, 0.5, 0)  # the last row of the picture
    shown = opened(b"PF\n4 2\n-1.0\n" + values.tobytes()).thumbnail(4, 2)
    assert shown[1, 0].tolist() == [255, 128, 0]
    assert not shown[0].any()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_the_composite_of_a_photoshop_file_is_shown(packed: bool, large: bool) -> None:
    lab = ImageCms.applyTransform(
        photograph(),
        ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        ),
    )
    assert lab is not None
    cases = {
        "rgb": (PLANES, 3, 1.0),
        "deep": (PLANES.astype(np.uint16) * 257, 3, 1.0),
        "gray": (np.asarray(GRAY)[None], 1, 1.0),
        "lab": (
            (np.asarray(lab) ^ np.array([0, 128, 128], dtype=np.uint8)).transpose(2, 0, 1),
            9,
            3.0,
        ),
    }
    for name, (planes, mode, most) in cases.items():
        shown = (
            opened(photoshop(planes, mode, large=large, packed=packed))
            .thumbnail(320, 213)
            .astype(float)
        )
        wanted = np.asarray(GRAY.convert("RGB") if name == "gray" else photograph(), dtype=float)
        assert np.abs(shown - wanted).mean() < most, name


def test_a_fourth_channel_is_transparency_only_where_photoshop_says_so() -> None:
    hole = np.concatenate([PLANES, np.zeros_like(PLANES[:1])])
    for layers, has_alpha in ((0, False), (1, False), (-1, True)):
        image = opened(photoshop(hole, 3, layers=layers))
        assert image.metadata.has_alpha == has_alpha
        assert (image.thumbnail(320, 213) == 255).all() == has_alpha


def test_the_largest_picture_of_an_icon_is_taken_and_of_those_the_deepest() -> None:
    content = saved(photograph(64, 64), "ICO", sizes=[(16, 16), (48, 48), (64, 64)])
    metadata = opened(content).metadata
    assert (metadata.width, metadata.height, metadata.frames) == (64, 64, 3)
    shown = opened(content).thumbnail(64, 64)
    assert np.abs(shown.astype(float) - np.asarray(photograph(64, 64))).mean() < 2


def with_profile(content: bytes, profile: bytes) -> bytes:
    """A JP2 whose color specification is ``profile``."""
    start = content.index(b"jp2h") - 4
    length = int.from_bytes(content[start : start + 4], "big")
    body = content[start + 8 : start + length]
    color = body.index(b"colr") - 4
    body = body[:color] + box(b"colr", b"\x02\x00\x00", profile) + body[color + 15 :]
    return content[:start] + box(b"jp2h", body) + content[start + length :]


def test_the_profile_of_a_jpeg_2000_is_honoured() -> None:
    image = opened(with_profile(saved(photograph(), "JPEG2000"), built_in("p3")))
    assert image.metadata.color_space == "display-p3"
    tagged = opened(saved(photograph(), "PNG", icc_profile=built_in("p3")))
    assert np.abs(image.thumbnail(80, 53).astype(float) - tagged.thumbnail(80, 53)).mean() < 1


def grid(tile: list[bytes]) -> bytes:
    """A HEIC whose primary item is a grid that says nothing but its size; its tile has the properties ``tile``."""
    size = box(b"ispe", struct.pack(">III", 0, 4032, 3024))
    entry = (
        struct.pack(">HBB", 1, 1, 1)
        + struct.pack(">HB", 2, len(tile))
        + bytes(range(2, 2 + len(tile)))
    )
    meta = box(
        b"meta",
        b"\x00" * 4,
        box(b"pitm", b"\x00" * 4, b"\x00\x01"),
        box(b"iref", b"\x00" * 4, box(b"dimg", struct.pack(">HHH", 1, 1, 2))),
        box(
            b"iprp",
            box(b"ipco", size, *tile),
            box(b"ipma", b"\x00" * 4, struct.pack(">I", 2), entry),
        ),
    )
    return box(b"ftyp", b"heic\x00\x00\x00\x00mif1") + meta


def test_what_a_grid_of_tiles_leaves_out_is_told_by_its_first_tile() -> None:
    coded = box(b"hvcC", bytes(16) + b"\xfd\xfa" + bytes(5))  # 4:2:0, 10 bits
    metadata = opened(grid([box(b"colr", b"prof", built_in("p3")), coded])).metadata
    assert (metadata.width, metadata.color_space, metadata.bit_depth) == (4032, "display-p3", 10)
    assert metadata.icc_profile is not None
    assert opened(grid([])).metadata.bit_depth is None


def test_frames_of_an_image_sequence_are_counted() -> None:
    views = [photograph().rotate(angle) for angle in (90, 180)]
    assert (
        opened(saved(photograph(), "AVIF", save_all=True, append_images=views)).metadata.frames == 3
    )
    assert opened(sample("photo.avif")).metadata.frames == 1


@pytest.mark.parametrize("kind", ["plain", "compressed", "damaged", "a bomb"])
def test_exif_of_a_jpeg_xl_is_read_in_a_compressed_box_too(kind: str) -> None:
    brotli = pytest.importorskip("brotli")
    made = Pillow.Exif()
    made[0x010F] = "Maker"
    block = b"\x00" * 4 + made.tobytes()[6:]
    packed = {
        "compressed": brotli.compress(block),
        "damaged": b"\xff" * 40,
        "a bomb": brotli.compress(bytes(40 << 20)),
    }
    content = jpeg_xl(photograph(), use_container=True)
    more = box(b"Exif", block) if kind == "plain" else box(b"brob", b"Exif", packed[kind])
    maker = opened(content + more).metadata.camera_make
    assert maker == ("Maker" if kind in ("plain", "compressed") else None)


def test_a_jpeg_xl_is_too_large_from_its_header() -> None:
    image = opened(jpeg_xl_head(60_000, 50_000))
    assert (image.metadata.width, image.metadata.height) == (60_000, 50_000)
    with pytest.raises(ImageError) as caught:
        image.thumbnail(20, 20)
    assert caught.value.reason == "too-large"


def test_a_header_of_a_jpeg_xl_costs_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    content = jpeg_xl(photograph().resize((320, 160)))
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    assert (opened(content).metadata.width, opened(content).metadata.color_space) == (320, "srgb")
    with pytest.raises(ImageError, match=r"mrimage\[jxl\]"):
        opened(content).thumbnail(20, 20)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_camera_raw_is_turned_once(orientation: int) -> None:
    pytest.importorskip("rawpy")
    image = opened(raw_photograph(orientation=orientation))
    turn = {
        1: None,
        3: Pillow.Transpose.ROTATE_180,
        6: Pillow.Transpose.ROTATE_270,
        8: Pillow.Transpose.ROTATE_90,
    }
    expected = (
        photograph(96, 64).transpose(turn[orientation]) if turn[orientation] else photograph(96, 64)
    )
    assert (image.metadata.width, image.metadata.height) == expected.size
    shown = image.thumbnail(*expected.size)
    assert np.corrcoef(shown.ravel(), np.asarray(expected).ravel())[0, 1] > 0.9


def test_raw_files_of_canon_and_fujifilm_are_catalogued_from_their_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mrimage.image.format_table.find_spec", lambda _: None)
    canon, fuji = opened(canon_raw()).metadata, opened(fujifilm_raw()).metadata
    assert (canon.width, canon.height, canon.camera, canon.iso) == (
        4000,
        6000,
        "Canon EOS M50",
        400,
    )
    assert (canon.f_number, canon.latitude, canon.longitude) == (2.8, 48.5, 2.0)
    assert (fuji.width, fuji.height, fuji.camera) == (4000, 6000, "FUJIFILM X-T3")
    assert canon.bit_depth is fuji.bit_depth is None
    with pytest.raises(ImageError, match=r"mrimage\[raw\]"):
        opened(fujifilm_raw()).thumbnail(20, 20)
