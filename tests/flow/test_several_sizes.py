"""One run that makes a result of each of several sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main

pytestmark = pytest.mark.usefixtures("plain_report")

Rows = Callable[[Path, str], list[dict[str, object]]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "cats").mkdir(parents=True)
    Image.effect_mandelbrot((96, 64), (-2, -1, 1, 1), 50).save(folder / "cats/one.png")
    Image.new("RGB", (64, 96), "red").save(folder / "two.jpg")
    return folder


def run(photos: Path, out: Path, *options: str) -> int:
    common = ["--workers", "1", "--quiet", "--no-thumbnails", "--key", "all", "--format", "png"]
    return main(["run", str(photos), str(out), *common, *options])


def made(out: Path) -> dict[str, bytes]:
    folder = out / "images"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


SIZES = ("--resize", "12", "--resize", "50%", "--resize", "30x20,20x30")


def test_each_size_is_made_as_in_a_run_of_its_own_and_has_its_lineage(
    photos: Path, tmp_path: Path, rows: Rows
) -> None:
    out = tmp_path / "out"
    assert run(photos, out, *SIZES) == 0
    files = made(out)
    folders = ("~12", "~50pct", "~30x20,20x30")
    names = ("all/cats/one.png", "all/two~jpg.png")
    assert sorted(files) == sorted(f"{folder}/{name}" for folder in folders for name in names)
    for folder, size in zip(folders, SIZES[1::2], strict=True):
        alone = tmp_path / folder
        assert run(photos, alone, "--resize", size) == 0
        assert made(alone) == {name: files[f"{folder}/{name}"] for name in names}
    lineage = {str(row["output"]): row for row in rows(out, "outputs")}
    assert set(lineage) == {f"images/{name}" for name in files}
    row = lineage["images/~30x20,20x30/all/two~jpg.png"]
    assert (row["width"], row["height"], row["key"]) == (20, 30, "all")
    assert str(row["uri"]).endswith("two.jpg")
    (photos / "two.jpg").unlink()
    assert main(["verify", str(out)]) == 0
    assert run(photos, out, *SIZES) == 0
    assert sorted(made(out)) == sorted(f"{folder}/{names[0]}" for folder in folders)


@pytest.mark.parametrize("output", ["webdataset", "parquet"])
def test_shards_hold_each_size_under_a_name_of_its_own(
    photos: Path, tmp_path: Path, output: str, rows: Rows
) -> None:
    out = tmp_path / "out"
    assert run(photos, out, "--resize", "12+24", "--output", output) == 0
    lineage = rows(out, "outputs")
    assert len({row["output"] for row in lineage}) == 4
    assert {max(row["width"], row["height"]) for row in lineage} == {12, 24}  # type: ignore[type-var]
    assert sum(1 for _ in mr.open(out).edited_images()) == 4
    assert main(["verify", str(out)]) == 0


def test_text_toml_rules_and_python_mean_the_same(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(key="all", edits=mr.Edits(resize="12+0.001mp", format="png"))
    mr.run(job, photos, tmp_path / "python", workers=1, thumbnails=False)
    toml = tmp_path / "job.toml"
    toml.write_text('resize = "12+0.001mp"\n')
    assert run(photos, tmp_path / "toml", "--job", str(toml)) == 0
    rule = "*: resize=12+0.001mp format=png"
    assert run(photos, tmp_path / "rule", "--rule", rule) == 0
    assert made(tmp_path / "python") == made(tmp_path / "toml") == made(tmp_path / "rule")
    assert mr.Edits(resize="12+12") != mr.Edits(resize=12)
    assert mr.Job(edits=mr.Edits(resize="12+12")) == mr.Job(edits=mr.Edits(resize=12))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--correct", "match-group"], "--correct match-group makes one result of each image"),
        (["--key", "size-class"], "needs the sizes of --resize"),
        (["--name", "{stem}"], "--name needs {size}"),
        (["--fit", "cover"], "--fit cover needs a box"),
    ],
)
def test_what_cannot_have_several_sizes_says_so(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert run(photos, tmp_path / "out", "--resize", "12+24", *options) == 2
    assert message in capsys.readouterr().err
    with pytest.raises(mr.UsageError, match="makes a result of each size"):
        mr.open_image(photos / "two.jpg").edited(mr.Edits(resize="12+24"))


def test_names_may_begin_with_the_size(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(photos, out, "--resize", "12+50%", "--name", "{size}/{path}") == 0
    names = ["12/cats/one.png", "12/two~jpg.png", "50pct/cats/one.png", "50pct/two~jpg.png"]
    assert sorted(made(out)) == names
