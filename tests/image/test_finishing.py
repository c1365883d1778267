"""Sizes relative to the image, sharpening, and watermarks."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

import mrimage as mr
from mrimage.cli.main import main
from mrimage.image import Buffer, Image
from mrimage.image.decode.arrays import from_array, to_array
from mrimage.image.geometry import geometry_of
from mrimage.image.sharpen import sharpened
from mrimage.image.sizes import relative_size, size_relative_to
from mrimage.image.watermark import watermarked
from mrimage.types import CORNERS, Edits

SIDE = st.integers(1, 20_000)


@pytest.mark.parametrize(
    ("text", "image", "size"),
    [
        ("2048", (6000, 4000), (2048, 1365)),
        ("2048", (4000, 6000), (1365, 2048)),
        ("2048", (1000, 500), (2048, 1024)),
        ("50%", (301, 200), (151, 100)),
        ("12.5%", (800, 80), (100, 10)),
        ("2mp", (6000, 4000), (1732, 1154)),
        ("0.5MP", (1000, 500), (1000, 500)),
        ("1%", (3, 3), (1, 1)),
    ],
)
def test_the_documented_relative_sizes(
    text: str, image: tuple[int, int], size: tuple[int, int]
) -> None:
    relative = relative_size(text)
    assert relative is not None
    assert size_relative_to(*image, relative, enlarge=True) == size
    [parsed] = {geometry_of(*image, Edits(resize=text, fit=fit)).result for fit in ("cover", "pad")}
    assert parsed == size


@given(SIDE, SIDE, st.integers(1, 20_000))
def test_the_longest_side_is_exact_and_the_shape_stays(width: int, height: int, side: int) -> None:
    made = size_relative_to(width, height, side, enlarge=True)
    assert max(made) == side
    exact = min(width, height) * side / max(width, height)
    assert abs(min(made) - max(1, exact)) <= 0.5
    assert size_relative_to(width, height, side, enlarge=False) == (
        (width, height) if side > max(width, height) else made
    )


@given(SIDE, SIDE, st.decimals("0.001", "100", places=3))
def test_megapixels_are_never_exceeded(width: int, height: int, megapixels: Decimal) -> None:
    relative = relative_size(f"{megapixels}mp")
    assert relative is not None
    made = size_relative_to(width, height, relative, enlarge=True)
    # A side of a pixel may be all that an extreme shape leaves.
    assert made[0] * made[1] <= megapixels * 1_000_000 or min(made) == 1


@pytest.mark.parametrize("value", [0, 70_000, "0%", "0mp", "1001%", "5000mp", True, "2px", 20.0])
def test_a_wrong_relative_size_is_refused(value: object) -> None:
    with pytest.raises(mr.UsageError, match=r"resize needs a size"):
        mr.Job(edits=mr.Edits(resize=value))  # type: ignore[arg-type]
    with pytest.raises(mr.UsageError, match="resize"):
        Image(Buffer(png(gray(4, 4)))).edited(Edits(resize=value))  # type: ignore[arg-type]


def test_text_and_python_make_the_same_job() -> None:
    assert mr.Job(edits=mr.Edits(resize="50.0%")) == mr.Job(edits=mr.Edits(resize="50%"))
    assert mr.Job(edits=mr.Edits(resize="2048")) == mr.Job(edits=mr.Edits(resize=np.int64(2048)))


def gray(width: int, height: int, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def step(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    """Dark on the left, light on the right."""
    pixels = np.full((20, 40, *shape), 100, dtype)
    pixels[:, 20:] = 180
    return pixels * 257 if dtype == np.uint16 else pixels


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_sharpening_steepens_edges_and_leaves_flat_areas(shape: tuple[int, ...], dtype) -> None:
    before = step(*shape, dtype=dtype)
    image = from_array(before)
    rows = [to_array(sharpened(image, strength))[10].astype(int) for strength in (1, 3)]
    unit = 257 if dtype == np.uint16 else 1
    for row in rows:
        assert np.abs(row[:15] - before[10, :15]).max() <= unit
        assert (row[19] < before[10, 19].astype(int) - 5 * unit).all()
        assert (row[20] > before[10, 20].astype(int) + 5 * unit).all()
    assert (rows[1][19] < rows[0][19]).all()
    assert to_array(sharpened(image, 1)).dtype == dtype


def test_sharpening_never_shows_the_colors_of_transparent_pixels() -> None:
    hidden = step(4)
    hidden[..., 3] = 255
    hidden[:6, :, 3] = 0
    other = hidden.copy()
    other[:6, :, :3] = 7
    one, two = (to_array(sharpened(from_array(pixels), 3)) for pixels in (hidden, other))
    assert (one[6:] == two[6:]).all()
    assert (one[..., 3] == hidden[..., 3]).all()
    assert (one[12] != hidden[12]).any()


def red_mark(alpha: int = 255) -> bytes:
    return png(np.full((10, 20, 4), (255, 0, 0, alpha), np.uint8))


@pytest.mark.parametrize("corner", CORNERS)
def test_a_watermark_lies_in_its_corner_at_its_share(corner: str) -> None:
    edits = Edits(watermark="x", watermark_corner=corner, watermark_share=0.25)
    made = to_array(watermarked(from_array(gray(200, 100)), red_mark(), edits, None))
    is_red = (made == (255, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(is_red)
    # A quarter of both sides is 50 x 25, and 2 percent of the shorter side are the margin.
    assert (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) == (50, 25)
    assert (made[~is_red] == 128).all()
    left = {0: 2, 1: 148, 0.5: 75}[CORNERS[corner][0]]
    top = {0: 2, 1: 73, 0.5: 38}[CORNERS[corner][1]]
    assert (columns.min(), rows.min()) == (left, top)


def test_alphas_are_composited() -> None:
    edits = Edits(watermark="x", watermark_share=1.0, watermark_corner="center")
    half = red_mark(alpha=51)  # a fifth
    opaque = to_array(watermarked(from_array(gray(40, 20, 100)), half, edits, None))
    assert opaque[10, 20].tolist() == [131, 80, 80]
    clear = np.zeros((20, 40, 4), np.uint8)
    over_nothing = to_array(watermarked(from_array(clear), half, edits, None))
    assert over_nothing[10, 20].tolist() == [255, 0, 0, 51]
    clear[...] = (0, 0, 255, 51)
    # 0.2 over 0.2: an alpha of 0.36, of which the lower picture has 0.16.
    over_blue = to_array(watermarked(from_array(clear), half, edits, None))
    assert over_blue[10, 20].tolist() == [142, 0, 113, 92]


def test_a_watermark_is_right_in_gray_and_in_16_bits() -> None:
    edits = Edits(watermark="x", watermark_share=1.0, watermark_corner="center")
    deep = gray(40, 20).astype(np.uint16) * 257
    assert to_array(watermarked(from_array(deep), red_mark(), edits, None))[10, 20].tolist() == [
        65_535,
        0,
        0,
    ]
    flat = np.full((20, 40), 9, np.uint8)
    luma = to_array(watermarked(from_array(flat), red_mark(), edits, None))
    assert luma.shape == (20, 40)
    assert 50 < luma[10, 20] < 140


def run(photos: Path, out: Path, *options: str) -> int:
    common = ["--workers", "1", "--quiet", "--no-thumbnails"]
    return main(["run", str(photos), str(out), "--key", "all", *common, *options])


@pytest.mark.usefixtures("plain_report")
def test_the_file_of_a_watermark_is_part_of_the_job(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark.png"
    mark.write_bytes(red_mark())
    options = ["--resize", "40", "--sharpen", "1.5", "--watermark", str(mark), "--format", "png"]
    out = tmp_path / "out"
    assert run(photos, out, *options, "--watermark-corner", "top-left") == 0
    made = np.asarray(Pillow.open(out / "images/all/wide 0~jpg.png"))
    assert made.shape == (30, 40, 3)
    assert made[2, 3].tolist() == [255, 0, 0]
    assert made[20, 30].tolist() != [255, 0, 0]
    assert main(["retry", str(out), "--workers", "1", "--quiet"]) == 0
    mark.write_bytes(red_mark(alpha=128))
    assert run(photos, out, *options, "--watermark-corner", "top-left") == 1
    assert "watermarks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resize", "300", "--fit", "cover"], "--fit cover needs a box such as 512x512"),
        (["--watermark", "nowhere.png"], "--watermark needs an image that can be read"),
        (["--watermark-share", "0.1"], "--watermark-share needs --watermark FILE"),
        (["--sharpen", "11"], "--sharpen needs a number from 0 to 10"),
        (["--resize", "30", "--key", "size-class"], "needs the sizes of --resize"),
    ],
)
def test_options_without_sense_are_refused(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert run(photos, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_watermark_named_after_the_start_is_the_fault_of_the_code(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(edits=lambda key, metadata: mr.Edits(watermark="mark.png"))
    with pytest.raises(mr.JobError, match="read when a run begins"):
        mr.run(job, photos, tmp_path / "out", workers=1, thumbnails=False)
    with pytest.raises(mr.UsageError, match="read when a run begins"):
        mr.open_image(photos / "wide 0.jpg").edited(mr.Edits(watermark="mark.png"))


@pytest.mark.usefixtures("plain_report")
def test_rules_may_resize_sharpen_and_mark(photos: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark.png"
    mark.write_bytes(red_mark())
    rule = f"gray: resize=50% sharpen=2 watermark={mark} watermark_corner=center"
    out = tmp_path / "out"
    options = ["--key", "color_space", "--resize", "20", "--rule", f"*,{rule}"]
    assert run(photos, out, *options) == 0
    assert Pillow.open(out / "images/all,gray/trip/tall-0.png").size == (15, 20)
    assert Pillow.open(out / "images/all,srgb/wide 0.jpg").size == (20, 15)
