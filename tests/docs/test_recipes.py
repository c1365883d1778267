"""The tutorial, the cookbook and their commands, run as they are printed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.docs.pages import DOCS, blocks_below, headings, run_blocks, run_commands, run_script

from mrimage import demo

TUTORIAL = DOCS / "tutorial.md"
COOKBOOK = DOCS / "cookbook.md"


ELSEWHERE = ("## S3 to S3", "## On a cluster")
"""Recipes that need a service: tests/storage and tests/spark run them."""


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photograph(path: Path, size: tuple[int, int], seed: int, year: int | None = None) -> None:
    """A small picture with detail, so that it is not blurred, in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    exif = Image.Exif()
    if year:
        exif[0x0110] = "Sample D40"
        exif.get_ifd(0x8769)[0x9003] = datetime(year, 6, 1, 7, seed).strftime("%Y:%m:%d %H:%M:%S")
    Image.fromarray(rows).save(path, exif=exif)


@pytest.fixture
def photos(working_folder: Path) -> Path:
    """What the cookbook's recipes need: two years, a series, a copy, BMP, CMYK, and a dark one."""
    folder = working_folder / "photos"
    for number in range(2):
        photograph(folder / f"trip/{number}.jpg", (48, 32), number, 2016)
        photograph(folder / f"frames/{number}.jpg", (48, 32), 4 + number, 2017)
    photograph(folder / "scan.bmp", (32, 32), 8)
    Image.new("CMYK", (16, 16), (0, 90, 90, 10)).save(folder / "ink.jpg")
    Image.new("RGB", (16, 16), (20, 20, 40)).save(folder / "night.png")
    (folder / "copy.jpg").write_bytes((folder / "trip/0.jpg").read_bytes())
    return folder


def test_the_tutorial_leads_to_the_decision(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch, plain_report: None
) -> None:
    """Every command of the tutorial, on a part of the demo."""
    part = [
        file
        for file in demo.FILES
        if file.path.startswith(("trips/2016", "damaged/text", "originals/coffee", "README"))
    ]
    monkeypatch.setattr(demo, "FILES", part)
    run_blocks(TUTORIAL, "sh")
    kept = Path("keep.csv").read_text().splitlines()[1:]
    made = pq.read_table("web/outputs.parquet").to_pylist()
    written = [row for row in made if row["uri"]]
    assert 5 < len(kept) == len(written)
    assert max(row["width"] for row in written) <= 1600
    late = pq.read_table("look/catalogue", filters=[("path", "=", "late.png")])
    assert late.num_rows == 1


@pytest.mark.parametrize(
    "heading", [heading for heading in headings(COOKBOOK) if heading not in ELSEWHERE]
)
def test_a_recipe_of_the_cookbook_runs(heading: str, photos: Path, plain_report: None) -> None:
    for language, text in blocks_below(COOKBOOK, heading, "sh", "python"):
        run_commands(text) if language == "sh" else run_script(text)
    CHECKS.get(heading, lambda: None)()


def gallery_lists_its_pictures() -> None:
    listed = json.loads(Path("gallery/large.json").read_text())
    assert {Path("gallery/large", row["output"]).exists() for row in listed} == {True}
    assert {row["output"].split("/")[1] for row in listed} == {"2016", "2017", "unknown"}
    with Image.open("gallery/small/images/2016/trip/0~jpg.webp") as small:
        assert small.size == (320, 320)


def copies_are_moved() -> None:
    moved = [path.name for path in Path("copies").rglob("*") if path.is_file()]
    left = [path.name for path in Path("photos").rglob("*") if path.is_file()]
    assert moved == ["0.jpg"]
    assert sorted([*moved, *left]).count("0.jpg") == 2


def only_the_bitmap_is_converted() -> None:
    copies_are_moved()
    with Image.open("smaller/images/bmp/scan~bmp.png") as png, Image.open("photos/scan.bmp") as bmp:
        assert (np.asarray(png) == np.asarray(bmp)).all()
    assert Path("smaller/images/jpeg/ink.jpg").read_bytes() == Path("photos/ink.jpg").read_bytes()


def ink_is_converted_and_srgb_is_copied() -> None:
    with Image.open("even/images/cmyk/ink~jpg.png") as ink:
        assert ink.mode == "RGB"
    copied = Path("even/images/srgb/trip/0.jpg").read_bytes()
    assert copied == Path("photos/trip/0.jpg").read_bytes()


CHECKS = {
    "## Web gallery": gallery_lists_its_pictures,
    "## Clean up an archive": only_the_bitmap_is_converted,
    "## One color space": ink_is_converted_and_srgb_is_copied,
}
"""What a recipe promises, beyond that its commands succeed."""
