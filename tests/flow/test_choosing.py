"""Training sets: labels from folders, splits without leaks, samples, random order, carried columns."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.mappers.keys import key_named

EDITS = mr.Edits(resize=(8, 8), format="png")


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Twenty images in two folders; the first of both are copies of each other."""
    for number in range(20):
        folder = tmp_path / "in" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        shade = max(number, 1)
        Image.new("RGB", (12, 9), (shade * 9, 40, 3)).save(folder / f"{number:02}.png")
    return tmp_path / "in"


def run(source: Path, out: Path, job: mr.Job, workers: int = 1) -> mr.Results:
    mr.run(job, source, out, workers=workers, thumbnails=False)
    return mr.open(out)


def test_folders_stay_folders_and_are_not_repeated(classes: Path, tmp_path: Path) -> None:
    run(classes, tmp_path / "out", mr.Job(key="folder", edits=EDITS))
    images = tmp_path / "out" / "images"
    assert {path.relative_to(images).as_posix() for path in images.rglob("*.png")} == {
        f"{'cat' if number % 2 else 'dog'}/{number:02}.png" for number in range(20)
    }


def test_samples_in_tars_have_their_folder_once(classes: Path, tmp_path: Path) -> None:
    job = mr.Job(key="folder", edits=EDITS, output="webdataset")
    run(classes, tmp_path / "out", job)
    [shard] = (tmp_path / "out/images").glob("*.tar")
    with tarfile.open(shard) as tar:
        assert "cat/01~png.png" in tar.getnames()


def test_a_split_is_by_content_so_that_no_copy_leaks(classes: Path, tmp_path: Path) -> None:
    results = run(classes, tmp_path / "out", mr.Job(key="split:0.6,0.2,0.2"))
    keys = dict(
        zip(
            results.catalogue["path"].to_pylist(),
            results.catalogue["keys"].to_pylist(),
            strict=True,
        )
    )
    assert keys["dog/00.png"] == keys["cat/01.png"]
    counts = Counter(key for [key] in keys.values())
    assert set(counts) <= {"train", "validation", "test"}
    assert counts["train"] > counts["test"]


def test_a_split_has_its_shares() -> None:
    key = key_named("split:3,1")
    counts = Counter(key(Contents(number)) for number in range(2000))
    assert set(counts) == {"train", "test"}
    # Four standard deviations: sqrt(2000 * 0.75 * 0.25) = 19.
    assert abs(counts["train"] - 1500) < 80


class Contents:
    def __init__(self, number: int) -> None:
        self.data = str(number).encode()


@pytest.mark.parametrize("key", ["split:1", "split:0.5,x", "split:1,0", "split:1,1,1,1", "split:"])
def test_a_split_without_shares_is_refused(key: str) -> None:
    with pytest.raises(mr.UsageError, match="two shares"):
        mr.Job(key=key)


def test_a_split_can_be_part_of_a_compound_key(classes: Path, tmp_path: Path) -> None:
    command = ["run", str(classes), str(tmp_path / "out"), "--key", "split:0.8,0.2,folder"]
    assert main([*command, "--workers", "1", "--quiet", "--no-thumbnails"]) == 0
    keys = mr.open(tmp_path / "out").groups["key"].to_pylist()
    assert set(keys) <= {"train,cat", "train,dog", "test,cat", "test,dog"}


def paths(results: mr.Results) -> list[str]:
    return results.catalogue["path"].to_pylist()


def test_a_sample_is_the_same_each_time_and_accounted_for(classes: Path, tmp_path: Path) -> None:
    seven = run(classes, tmp_path / "seven", mr.Job(sample="7"))
    assert len(paths(seven)) == 7
    assert seven.facts.ignored_reasons == {"not in the sample": 13}
    nine = run(classes, tmp_path / "nine", mr.Job(sample="9"), workers=2)
    assert set(paths(seven)) < set(paths(nine))
    assert paths(run(classes, tmp_path / "three", mr.Job(sample="7", limit=3))) == paths(seven)[:3]
    assert len(paths(run(classes, tmp_path / "all", mr.Job(sample="100%")))) == 20
    half = paths(run(classes, tmp_path / "half", mr.Job(sample="50%")))
    assert 3 < len(half) < 17
    (classes / "cat" / "zz.png").write_bytes((classes / "cat" / "01.png").read_bytes())
    assert set(half) <= set(paths(run(classes, tmp_path / "half", mr.Job(sample="50%"))))


def test_a_limit_takes_the_first(classes: Path, tmp_path: Path) -> None:
    results = run(classes, tmp_path / "out", mr.Job(limit=2))
    assert paths(results) == ["cat/01.png", "cat/03.png"]
    assert main(["run", str(classes), str(tmp_path / "x"), "--limit", "2", "--dry-run"]) == 0


def names_in(out: Path) -> list[str]:
    [shard] = (out / "images").glob("*.tar")
    with tarfile.open(shard) as tar:
        return [name for name in tar.getnames() if name.endswith(".png")]


def test_a_shuffle_is_random_and_depends_on_its_seed_alone(classes: Path, tmp_path: Path) -> None:
    def job(seed: int | None) -> mr.Job:
        return mr.Job(key="all", edits=EDITS, output="webdataset", shuffle=seed)

    orders = []
    for number, seed in enumerate((None, 1, 1, 2)):
        run(classes, tmp_path / str(number), job(seed))
        orders.append(names_in(tmp_path / str(number)))
    in_order, one, one_again, two = orders
    assert in_order == sorted(in_order)
    assert one == one_again
    assert sorted(one) == sorted(two) == in_order
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize("output", ["webdataset", "parquet"])
def test_columns_of_the_catalogue_are_carried(output: str, classes: Path, tmp_path: Path) -> None:
    job = mr.Job(
        key="all",
        edits=EDITS,
        output=output,
        extract=("header", "content"),
        carry=("sharpness", "width", "dominant_colors"),
    )
    results = run(classes, tmp_path / "out", job)
    wanted = results.catalogue["sharpness"].to_pylist()
    if output == "parquet":
        [shard] = (tmp_path / "out/images").glob("*.parquet")
        table = pq.read_table(shard).sort_by("uri")
        assert table["sharpness"].to_pylist() == wanted
        assert set(table["source_width"].to_pylist()) == {12}
        assert table["dominant_colors"].to_pylist()[0]
        return
    [shard] = (tmp_path / "out/images").glob("*.tar")
    with tarfile.open(shard) as tar:
        facts = [json.load(tar.extractfile(name)) for name in tar.getnames() if ".json" in name]
    assert [row["sharpness"] for row in sorted(facts, key=lambda row: row["uri"])] == wanted
    assert facts[0]["source_width"] == 12


def test_options_of_shards_need_shards_and_columns_that_exist(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(classes), str(tmp_path / "out"), "--resize", "8x8"]
    assert main([*command, "--carry", "sharpness"]) == 2
    assert "--carry needs --output" in capsys.readouterr().err
    assert main([*command, "--shuffle", "7"]) == 2
    assert "--shuffle needs --output" in capsys.readouterr().err
    assert main([*command, "--output", "parquet", "--carry", "softwar"]) == 2
    assert 'Did you mean "software"?' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
