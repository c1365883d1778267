"""Standard sizes: which of several sizes an image gets."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as Pillow

import mrimage as mr
from mrimage.image import Buffer, Image
from mrimage.image.geometry import chosen_size, geometry_of, nearest_size
from mrimage.image.sizes import SIZE_SETS, sizes_of
from mrimage.types import Crop, Edits, Size

SIDE = st.integers(1, 20_000)
BOX = st.integers(1, 65_535)
SIZES = st.lists(st.tuples(BOX, BOX), min_size=1, max_size=12, unique=True).map(tuple)


def lost(width: int, height: int, size: Size) -> Fraction:
    """The share of the image that the fit ``cover`` cuts off, by the areas themselves."""
    factor = max(Fraction(size[0], width), Fraction(size[1], height))
    scaled = (width * factor) * (height * factor)
    return 1 - Fraction(size[0] * size[1]) / scaled


def padded(width: int, height: int, size: Size) -> Fraction:
    """The share of the box that the fit ``pad`` fills with the background."""
    factor = min(Fraction(size[0], width), Fraction(size[1], height))
    return 1 - (width * factor) * (height * factor) / (size[0] * size[1])


@given(SIDE, SIDE, SIZES)
def test_the_choice_loses_the_least_area_with_cover_and_with_pad(
    width: int, height: int, sizes: tuple[Size, ...]
) -> None:
    chosen = nearest_size(width, height, sizes)
    assert chosen in sizes
    for share in (lost, padded):
        assert share(width, height, chosen) == min(share(width, height, size) for size in sizes)


@given(SIDE, SIDE, SIZES, st.randoms())
def test_the_order_decides_only_between_equal_losses_and_equal_areas(
    width: int, height: int, sizes: tuple[Size, ...], random
) -> None:
    def rank(size: Size) -> tuple[Fraction, int]:
        return lost(width, height, size), abs(size[0] * size[1] - width * height)

    shuffled = list(sizes)
    random.shuffle(shuffled)
    one = nearest_size(width, height, sizes)
    other = nearest_size(width, height, tuple(shuffled))
    assert rank(one) == rank(other)
    best = [size for size in sizes if rank(size) == rank(one)]
    assert one == best[0]
    if len(best) == 1:
        assert one == other


@given(SIDE, SIDE, SIZES)
def test_an_exact_size_is_chosen_exactly(width: int, height: int, sizes: tuple[Size, ...]) -> None:
    assume((width, height) not in sizes)
    assert nearest_size(width, height, (*sizes, (width, height))) == (width, height)


@given(SIDE, SIDE, SIZES)
def test_an_upright_image_gets_the_upright_size(
    width: int, height: int, sizes: tuple[Size, ...]
) -> None:
    turned = tuple((high, wide) for wide, high in sizes)
    wide, high = nearest_size(width, height, sizes)
    assert nearest_size(height, width, turned) == (high, wide)


@pytest.mark.parametrize(
    ("image", "sizes", "chosen"),
    [
        ((6000, 4000), ((1024, 1024), (1152, 896), (896, 1152)), (1152, 896)),
        ((4000, 6000), ((1024, 1024), (1152, 896), (896, 1152)), (896, 1152)),
        # Of one shape, the nearest area.
        ((600, 600), ((512, 512), (1024, 1024)), (512, 512)),
        ((1000, 1000), ((512, 512), (1024, 1024)), (1024, 1024)),
        ((3000, 3000), ((512, 512), (1024, 1024)), (1024, 1024)),
        # Both lose the same and have the same area: the first.
        ((500, 500), ((300, 200), (200, 300)), (300, 200)),
        ((500, 500), ((200, 300), (300, 200)), (200, 300)),
    ],
)
def test_the_documented_choices(image: Size, sizes: tuple[Size, ...], chosen: Size) -> None:
    assert nearest_size(*image, sizes) == chosen


def test_the_shape_is_that_of_the_crop() -> None:
    edits = Edits(crop=Crop(100, 300), resize=((90, 60), (60, 90)))
    assert chosen_size(900, 600, edits) == (60, 90)
    assert geometry_of(900, 600, edits).crop.width == 100


def test_the_shape_is_as_displayed() -> None:
    stored = Pillow.fromarray(np.zeros((40, 60, 3), np.uint8))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", exif=exif)
    image = Image(Buffer(buffer.getvalue()))
    made = image.edited(Edits(resize=((30, 20), (20, 30)), fit="cover"))
    assert (made.width, made.height) == (20, 30)


@pytest.mark.parametrize("name", SIZE_SETS)
def test_every_set_has_each_size_once(name: str) -> None:
    sizes = SIZE_SETS[name]
    assert len(set(sizes)) == len(sizes)
    assert sizes_of(name) == sizes


def test_sdxl_has_the_forty_buckets_of_the_paper() -> None:
    """All sides are multiples of 64, and all areas about that of 1024x1024, as the paper says."""
    buckets = SIZE_SETS["sdxl"]
    assert len(buckets) == 40
    for width, height in buckets:
        assert width % 64 == height % 64 == 0
        assert 0.89 < width * height / 1024**2 <= 1.07
    upright = {(height, width) for width, height in buckets}
    assert set(buckets) - upright == {(1344, 704)}


@pytest.mark.parametrize(
    "resize", [(24, 16), [(24, 16), (16, 24)], "hd", ["hd", (24, 16)], (np.int64(24), 16)]
)
def test_edits_take_a_size_several_and_the_name_of_a_set(resize: object) -> None:
    buffer = io.BytesIO()
    Pillow.new("RGB", (48, 32)).save(buffer, "PNG")
    made = Image(Buffer(buffer.getvalue())).edited(Edits(resize=resize, fit="cover"))
    assert (made.width, made.height) in sizes_of(resize)


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        ("sdx", 'Did you mean "sdxl"'),
        ((5, 0), "resize must be a width and a height in pixels"),
        ((), "resize must be"),
        ([(5, 5), 5], "resize must be"),
        ((5.0, 5), "resize must be"),
        ((True, 5), "resize must be"),
        ([(True, 5), (5, 5)], "resize must be"),
    ],
)
def test_wrong_sizes_are_bad_usage(resize: object, expected: str) -> None:
    with pytest.raises(mr.UsageError, match=expected):
        Image(Buffer(b"")).edited(Edits(resize=resize))
