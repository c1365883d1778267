"""Contact sheets: what they show of a group, and that little of them is empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrimage.image import caption
from mrimage.reducers import Context, contact_sheet, running
from mrimage.reducers.sheet import CAPTION, GAP, HEIGHT, WIDEST


@pytest.fixture
def uris(tmp_path: Path) -> list[str]:
    """Thirty dark photographs, 3:2, named 00.png to 29.png."""
    paths = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, path in enumerate(paths):
        Image.new("RGB", (300, 200), (number, 40, 60)).save(path)
    return [path.as_uri() for path in paths]


def head(sheet: np.ndarray) -> np.ndarray:
    return sheet[GAP : GAP + CAPTION]


def shown(sheet: np.ndarray) -> set[int]:
    """The numbers of the pictures on the sheet."""
    return {
        int(red)
        for red, green, blue in np.unique(sheet.reshape(-1, 3), axis=0)
        if (green, blue) == (40, 60)
    }


def test_a_sample_says_so_at_the_head_of_the_sheet(uris: list[str]) -> None:
    sheet = contact_sheet([*uris, uris[-1]], 10, title="alps")
    assert (head(sheet) == caption("alps: 10 of 30 images", sheet.shape[1], CAPTION)).all()
    assert len(shown(sheet)) == 10
    assert (sheet == contact_sheet(reversed([*uris, uris[-1]]), 10, title="alps")).all()


def test_a_whole_group_is_shown_and_counted(uris: list[str]) -> None:
    sheet = contact_sheet(uris, title="alps")
    assert (head(sheet) == caption("alps: 30 images", sheet.shape[1], CAPTION)).all()
    assert shown(sheet) == set(range(30))


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (400, 225), (200, 200)])
def test_pictures_of_one_shape_fill_their_rows(tmp_path: Path, shape: tuple[int, int]) -> None:
    for number in range(24):
        Image.new("RGB", shape, (number, 40, 60)).save(tmp_path / f"{number:02}.png")
    sheet = contact_sheet(path.as_uri() for path in tmp_path.iterdir())
    rows = sheet.shape[0] // (HEIGHT + CAPTION + GAP)
    filled = (sheet == (1, 40, 60)).all(axis=2).sum() * 24 / (rows * HEIGHT * sheet.shape[1])
    assert filled > 0.85
    assert 1 <= sheet.shape[1] / sheet.shape[0] <= 2.2
    assert sheet.shape[1] <= WIDEST + 2 * GAP


def test_an_image_that_fails_leaves_its_tile_and_is_noted(tmp_path: Path, uris: list[str]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing more")
    with running(Context()) as context:
        sheet = contact_sheet([*uris[:3], broken.as_uri()])
    assert list(context.failures) == [broken.as_uri()]
    assert shown(sheet) == {0, 1, 2}


def test_a_single_image_and_none_at_all_make_a_sheet(uris: list[str]) -> None:
    assert contact_sheet(uris[:1]).shape == (GAP + HEIGHT + CAPTION + GAP, 216 + 2 * GAP, 3)
    assert contact_sheet([]).shape[2] == 3
