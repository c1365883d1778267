"""More than eight bits stay more than eight, in the formats whose usual decoders would cut them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from PIL import ImageCms
from tests.image.crafted import tiff
from tests.image.samples import opened, photograph, saved

from mrimage.errors import ImageError
from mrimage.types import Edits, Limits

imagecodecs = pytest.importorskip("imagecodecs")
tifffile = pytest.importorskip("tifffile")

RGB = np.asarray(photograph())
NOISE = np.random.default_rng(1).integers(0, 256, RGB.shape, dtype=np.uint16)
"""In the low byte, so that a decoder that drops it is found out."""
DEEP = RGB.astype(np.uint16) * 256 + NOISE
GRAY = np.ascontiguousarray(DEEP[..., 0])
SIZE = (320, 213)


def tiff_of(pixels: np.ndarray, **how: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **how)
    return stream.getvalue()


def jp2(pixels: np.ndarray, bits: int = 16) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, bitspersample=bits))


FILES: dict[str, tuple[Callable[[], bytes], np.ndarray]] = {
    "jp2": (lambda: jp2(DEEP), DEEP),
    "jp2, gray": (lambda: jp2(GRAY), GRAY),
    "jp2, 12 bits": (lambda: jp2(DEEP >> 4, 12), np.rint((DEEP >> 4) * (65_535 / 4095))),
    "jxl": (lambda: bytes(imagecodecs.jpegxl_encode(DEEP, lossless=True)), DEEP),
    "jxl, gray": (lambda: bytes(imagecodecs.jpegxl_encode(GRAY, lossless=True)), GRAY),
    "jpeg, lossless": (
        lambda: bytes(imagecodecs.jpeg_encode(DEEP, lossless=True, bitspersample=16)),
        DEEP,
    ),
    "tiff, tiles of planes": (
        lambda: tiff_of(
            np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate", tile=(64, 64)
        ),
        DEEP,
    ),
    "tiff, LZMA": (lambda: tiff_of(DEEP, photometric="rgb", compression="lzma"), DEEP),
    "tiff, Zstandard": (lambda: tiff_of(DEEP, photometric="rgb", compression="zstd"), DEEP),
    "tiff, white is zero": (
        lambda: tiff_of(65_535 - GRAY, photometric="miniswhite", compression="lzma"),
        GRAY,
    ),
    "tiff, JPEG 2000": (lambda: tiff_of(DEEP, photometric="rgb", compression="jpeg2000"), DEEP),
    "tiff, 32 bits": (lambda: tiff_of(DEEP.astype(np.uint32) * 65_537, photometric="rgb"), DEEP),
    "tiff, 64 bits": (
        lambda: tiff_of(DEEP.astype(np.uint64) * ((1 << 64) // 65_535), photometric="rgb"),
        DEEP,
    ),
}


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(pyvips.Image.new_from_buffer(content, "").numpy())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("format", ["png", "tiff"])
def test_sixteen_bits_come_out_as_they_were(name: str, format: str) -> None:
    make, wanted = FILES[name]
    result = pixels_of(opened(make()).edited(Edits(format=format)).data)
    assert result.dtype == np.uint16
    assert np.abs(result.astype(float).reshape(wanted.shape) - wanted).max() <= 1


@pytest.mark.parametrize(
    "name", sorted(FILES.keys() - {"jxl, gray"})
)  # whose numbers are linear, and are converted
def test_eight_bits_are_made_of_sixteen_by_rounding(name: str) -> None:
    make, wanted = FILES[name]
    result = pixels_of(opened(make()).edited(Edits(format="webp", quality=100)).data).astype(float)
    bytes_of = np.rint(wanted / 257.0)
    if wanted.ndim == 2:
        bytes_of = np.repeat(bytes_of[..., None], 3, axis=-1)
    assert abs((result - bytes_of).mean()) < 0.25  # dropping the low byte would lose half a level


def test_ycbcr_that_nobody_converts_is_unsupported() -> None:
    content = tiff_of(RGB, photometric="rgb", compression="jpeg2000")
    aperio = content.replace(struct.pack("<HHIH", 262, 3, 1, 2), struct.pack("<HHIH", 262, 3, 1, 6))
    with pytest.raises(ImageError) as caught:
        opened(aperio).thumbnail(20, 20)
    assert caught.value.reason == "unsupported"


def test_alpha_of_a_deep_picture_stays() -> None:
    alpha = np.linspace(0, 65_535, 320, dtype=np.uint16)[None].repeat(213, axis=0)
    for content in (
        jp2(np.dstack([DEEP, alpha])),
        bytes(imagecodecs.jpegxl_encode(np.dstack([DEEP, alpha]), lossless=True)),
    ):
        result = pixels_of(opened(content).edited(Edits(format="png")).data)
        assert (result[..., 3] == alpha).all()


def test_floating_point_keeps_sixteen_bits() -> None:
    content = saved(Pillow.fromarray(GRAY / np.float32(65_535)), "TIFF")
    assert (
        np.abs(pixels_of(opened(content).edited(Edits(format="png")).data).astype(int) - GRAY).max()
        <= 1
    )


@pytest.mark.parametrize("name", ["jp2", "jxl", "jpeg, lossless", "tiff, LZMA"])
def test_a_deep_file_that_ends_early_is_truncated_or_corrupt(name: str) -> None:
    content = FILES[name][0]()
    for share in (0.4, 0.7, 0.95):
        with pytest.raises(ImageError) as caught:
            opened(content[: int(len(content) * share)]).thumbnail(20, 20)
        assert caught.value.reason in ("truncated", "corrupt")


def test_what_decodes_of_a_truncated_lossless_jpeg_can_be_kept() -> None:
    content = FILES["jpeg, lossless"][0]()
    image = opened(content[: len(content) // 2], Limits(allow_truncated=True))
    assert np.abs(image.thumbnail(*SIZE)[:90].astype(float) - RGB[:90]).mean() < 2


def lab() -> np.ndarray:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.applyTransform(photograph(), ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    return np.asarray(made)


def test_edited_lab_has_the_depth_of_its_source() -> None:
    deep = (
        pyvips.Image.new_from_array(RGB)
        .copy(interpretation="srgb")
        .colourspace("labs")
        .tiffsave_buffer()
    )
    for content, bits in ((tiff(lab().tobytes(), SIZE, 8, 8, 3), 8), (bytes(deep), 16)):
        result = opened(content).edited(Edits(resize=(160, 106), fit="stretch", format="tiff"))
        kept = opened(result.data)
        assert (kept.metadata.color_space, kept.metadata.bit_depth) == ("lab", bits)
        wanted = np.asarray(photograph(160, 106)).astype(float)
        assert np.abs(kept.thumbnail(160, 106) - wanted).mean() < 2
    assert (
        Pillow.open(
            io.BytesIO(opened(tiff(lab().tobytes(), SIZE, 8, 8, 3)).edited(Edits()).data)
        ).mode
        == "LAB"
    )


def test_lab_with_alpha_is_read() -> None:
    alpha = np.full((213, 320, 1), 255, np.uint8)
    image = opened(tiff(np.dstack([lab(), alpha]).tobytes(), SIZE, 8, 8, 4, extra=(2,)))
    assert image.metadata.has_alpha
    assert np.abs(image.thumbnail(*SIZE).astype(float) - RGB).mean() < 2
    assert opened(image.edited(Edits(format="png")).data).metadata.has_alpha


def test_the_profile_of_a_deep_jpeg_xl_is_honoured() -> None:
    pytest.importorskip("pillow_jxl")
    linear = FILES["jxl, gray"][0]()  # its encoder calls samples of 16 bits linear light
    light = GRAY / 65_535
    wanted = 255 * np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    assert np.abs(opened(linear).thumbnail(*SIZE)[..., 0] - wanted).mean() < 1
