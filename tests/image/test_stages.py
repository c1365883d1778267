"""An image that fails is blamed on the stage that failed: decode, color or encode."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from tests.image.samples import opened, photograph, sample, saved

from mrimage.errors import REASONS, ImageError
from mrimage.image import edit, encoding
from mrimage.image.color import conversion
from mrimage.types import Edits

EDITS = Edits(to="adobe-rgb", format="png")


def reason_of(content: bytes, edits: Edits) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught:
        opened(content).edited(edits)
    assert caught.value.reason in REASONS
    return caught.value.reason, str(caught.value)


@pytest.mark.parametrize(
    ("format", "limit"), [("webp", 16_383), ("avif", 16_384), ("jpeg", 65_500)]
)
def test_a_result_that_its_format_cannot_hold_is_unsupported_by_name(
    format: str, limit: int
) -> None:
    for size in ((limit + 1, 1), (1, limit + 1)):
        reason, message = reason_of(saved(Pillow.new("L", size), "PNG"), Edits(format=format))
        assert reason == "unsupported"
        assert format in message.lower()
        assert str(limit) in message
    wide = opened(saved(Pillow.new("L", (limit + 1, 1)), "PNG"))
    assert wide.edited(Edits(format=format, resize=(limit, 1), fit="stretch")).width == limit
    assert wide.edited(Edits(format="png")).width == limit + 1
    assert wide.edited(Edits(format="tiff")).width == limit + 1


@pytest.mark.parametrize(
    "name", ["rgb.png", "deflate.tif", "lossy.webp", "photo.avif", "cmyk.jpg", "baseline.jpg"]
)
def test_damage_that_shows_only_while_the_result_is_written_is_of_the_source(name: str) -> None:
    content = sample(name)
    assert reason_of(content[: len(content) // 2], EDITS)[0] == "truncated"


def test_a_profile_that_fails_half_way_is_blamed_on_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(image: pyvips.Image, source: bytes, target: bytes) -> pyvips.Image:
        return image.icc_export(depth=8)  # of a picture that has no connection space

    monkeypatch.setattr(conversion, "icc_transformed", refuse)
    reason, message = reason_of(sample("rgb.png"), EDITS)
    assert reason == "color-failed"
    assert "icc_export" in message or "color" in message


def test_an_encoder_that_fails_is_blamed_on_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(image: pyvips.Image, *_: object) -> bytes:
        return bytes(
            image.webpsave_buffer(Q=100, lossless=True, preset="none", target_size=1 << 31)
        )

    monkeypatch.setattr(edit, "encode_picture", refuse)
    monkeypatch.setattr(edit, "check_result", lambda *_: None)
    assert reason_of(saved(Pillow.new("RGB", (17_000, 1)), "PNG"), EDITS)[0] == "encode-failed"


def test_a_jpeg_that_libjpeg_does_not_write_is_blamed_on_encode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edit, "check_result", lambda *_: None)
    assert (
        reason_of(saved(Pillow.new("RGB", (65_501, 1)), "PNG"), Edits(format="jpeg"))[0]
        == "encode-failed"
    )


def test_a_fault_of_our_own_is_not_blamed_on_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise AttributeError("a typing error")

    for module, name in ((edit, "turned"), (edit, "source_profile"), (encoding, "_jpeg")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, fault)
            with pytest.raises(ImageError) as caught:
                opened(sample("baseline.jpg")).edited(Edits(format="jpeg"))
            assert caught.value.reason == "internal"


def without_end(content: bytes) -> bytes:
    assert content.endswith(b"\xff\xd9")
    return content[:-2]


@pytest.mark.parametrize(
    "trailer", [b"", b"\x00" * 300 + b"SEFT", b"\xff\xd8\xff\xe1\x00\x08junk\xff\xd9", b"\xff"]
)
@pytest.mark.parametrize("name", ["baseline.jpg", "444.jpg", "progressive.jpg", "gray.jpg"])
def test_a_jpeg_that_lacks_nothing_but_its_end_marker_is_whole(name: str, trailer: bytes) -> None:
    content = sample(name)
    bare = opened(without_end(content) + trailer)
    assert np.array_equal(bare.thumbnail(320, 213), opened(content).thumbnail(320, 213))
    assert (
        bare.edited(Edits(resize=(32, 32), format="png")).data
        == opened(content).edited(Edits(resize=(32, 32), format="png")).data
    )


@pytest.mark.parametrize("name", ["baseline.jpg", "progressive.jpg", "gray.jpg"])
@pytest.mark.parametrize("cut", [40, 400, 0.5])
def test_a_jpeg_that_lacks_blocks_is_truncated_whatever_follows(name: str, cut: float) -> None:
    content = sample(name)
    kept = content[: -int(cut)] if cut > 1 else content[: int(len(content) * cut)]
    for trailer in (b"", b"\x00" * 300 + b"SEFT", b"\x00" * 20_000, b"\xff" * 20_000):
        assert reason_of(kept + trailer, EDITS)[0] in ("truncated", "corrupt")


def test_a_progressive_jpeg_that_lacks_a_scan_is_truncated() -> None:
    content = sample("progressive.jpg")
    assert reason_of(content[: content.rindex(b"\xff\xda")], EDITS)[0] == "truncated"


@pytest.mark.parametrize("version", [b"\x02\x01", b"\x00\x09", b"\x63\x00"])
def test_any_revision_of_jfif_is_read(version: bytes) -> None:
    content = sample("baseline.jpg")
    at = content.index(b"JFIF\x00") + 5
    image = opened(content[:at] + version + content[at + 2 :])
    assert np.abs(image.thumbnail(320, 213).astype(int) - np.asarray(photograph())).mean() < 4
