"""Bad bytes: whatever is done to a file, an ImageError with a reason is all that comes out, and soon."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.image.samples import SAMPLES, opened, sample

from mrimage.errors import ImageError
from mrimage.image import Image
from mrimage.types import Edits, Limits

REASONS = {"not-an-image", "truncated", "corrupt", "too-large", "unsupported", "empty"}
EDITS = Edits(resize=(32, 32), fit="cover", to="srgb", format="png")
STILL = sorted(
    name
    for name in SAMPLES
    if name not in {"site.ico", "two.mpo"} and "moving" not in name and "pages" not in name
)


def reason_of(image: Image) -> str | None:
    """Why the image is refused by one of the three things done to images; None when it is taken."""
    try:
        _ = image.metadata
        image.features(["content", "hash"])
        result = image.edited(EDITS)
    except ImageError as error:
        return error.reason
    assert (result.width, result.height) == EDITS.resize
    return None


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_cut_off_file_is_truncated(name: str, part: float) -> None:
    content = sample(name)
    assert reason_of(opened(content[: int(len(content) * part)])) == "truncated"


@pytest.mark.parametrize(
    "name", ["baseline.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png", "still.gif", "plain.bmp"]
)
def test_a_cut_off_file_is_kept_when_that_is_allowed(name: str) -> None:
    content = sample(name)
    half = opened(content[: len(content) * 2 // 3], Limits(allow_truncated=True))
    assert half.edited(EDITS).width == 32


def test_the_header_of_a_cut_off_photograph_is_still_read() -> None:
    metadata = opened(sample("baseline.jpg")[:2000]).metadata
    assert (metadata.width, metadata.height) == (320, 213)


def test_stray_bytes_that_every_viewer_forgives_are_forgiven() -> None:
    content = sample("baseline.jpg")
    assert reason_of(opened(content[:-2] + b"\x00\x00\x00" + content[-2:])) is None
    assert reason_of(opened(content + b"trailing")) is None


@settings(max_examples=100, deadline=10_000)
@given(exif=st.binary(max_size=200), order=st.sampled_from([b"II*\x00", b"MM\x00*"]))
def test_hostile_exif_is_at_worst_no_facts(exif: bytes, order: bytes) -> None:
    block = b"Exif\x00\x00" + order + exif
    content = sample("baseline.jpg")
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    image = opened(content[:2] + segment + content[2:])
    assert {image.metadata.width, image.metadata.height} == {320, 213}
    assert (
        image.edited(Edits(resize=(8, 8), fit="cover", format="jpeg", metadata="keep")).width == 8
    )


@pytest.mark.parametrize(
    "name",
    ["interlaced.png", "lossy.webp", "plain.bmp", "photo.jp2", "progressive.jpg", "photo.avif"],
)
def test_what_cannot_be_streamed_is_too_large_from_its_header(name: str) -> None:
    image = opened(sample(name), Limits(max_pixels=10_000))
    assert image.metadata.width == 320
    with pytest.raises(ImageError) as caught:
        image.edited(Edits(resize=(32, 32)))
    assert caught.value.reason == "too-large"


def claimed(name: str, side: int) -> bytes:
    """A sample whose header says that it is ``side`` pixels wide and high."""
    content = bytearray(sample(name))
    if name == "interlaced.png":
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    elif name == "progressive.jpg":
        frame = content.index(b"\xff\xc2")
        content[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    elif name == "plain.bmp":
        content[18:26] = struct.pack("<II", side, side)
    elif name == "plain.tga":
        content[12:16] = struct.pack("<HH", side, side)
        content[2] = 10
    else:
        content = bytearray(
            bytes(content)
            .replace(b"320 213", f"{side} {side}".encode())
            .replace(b"\n320", b"\n%d" % side)
        )
    return bytes(content)


@pytest.mark.parametrize(
    "name", ["interlaced.png", "progressive.jpg", "plain.bmp", "plain.tga", "plain.ppm"]
)
def test_a_small_file_that_claims_four_gigapixels_is_refused_from_its_header(name: str) -> None:
    image = opened(claimed(name, 65_000))
    assert image.metadata.width == 65_000
    tracemalloc.start()
    for use in (
        lambda: image.edited(EDITS),
        lambda: image.features(["content"]),
        lambda: image.thumbnail(20, 20),
    ):
        with pytest.raises(ImageError) as caught:
            use()
        assert caught.value.reason == "too-large"
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_length_that_no_file_has_asks_for_no_memory() -> None:
    content = bytearray(sample("photo.jp2"))
    content[content.index(b"jp2h") - 4 : content.index(b"jp2h")] = b"\x7f\xff\xff\xff"
    tracemalloc.start()
    assert reason_of(opened(bytes(content))) in REASONS | {None}
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["rgb.png", "palette.png", "plain.tif", "tiled.tif"])
def test_what_can_be_streamed_is(name: str) -> None:
    image = opened(sample(name), Limits(max_pixels=30_000))
    assert image.edited(Edits(resize=(32, 32), fit="cover")).width == 32
    with pytest.raises(ImageError):
        image.edited(Edits())


def test_a_stream_of_very_long_lines_is_too_large() -> None:
    content = bytearray(sample("deep.png"))
    content[16:20] = struct.pack(">I", 4_000_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    assert reason_of(opened(bytes(content))) == "too-large"


MEASURE = """
import sys
from pathlib import Path
from mrimage.image import Buffer, Image
from mrimage.types import Edits
image = Image(Buffer(Path(sys.argv[1]).read_bytes()))
result = image.edited(Edits(resize=(256, 256), fit="cover", to="srgb", format="webp"))
assert (result.width, result.height) == (256, 256)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak is read from Linux' /proc"
)
@pytest.mark.parametrize("name", ["huge.png", "huge.tif"])
def test_two_hundred_megapixels_are_made_small_in_little_memory(tmp_path: Path, name: str) -> None:
    path, side = tmp_path / name, 15_000
    assert side * side > Limits().max_pixels
    image = pyvips.Image.black(side, side, bands=4).copy(interpretation="srgb")
    image.write_to_file(
        str(path), **({"compression": 1} if name == "huge.png" else {"compression": "deflate"})
    )
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 300_000  # kilobytes; decoded whole it would be 900,000


def test_every_reader_gives_the_same_metadata_from_a_file_that_is_read_in_pieces() -> None:
    for name in SAMPLES:
        whole = opened(sample(name))
        _ = whole.data
        pieces = opened(sample(name))
        assert whole.metadata == pieces.metadata, name
        assert io.BytesIO(whole.data).read() == sample(name)
