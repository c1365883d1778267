"""A job's own extractors, its batches, and what installed packages add."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import mrimage as mr
from mrimage.cli.main import main


@mr.extractor(width_share=float, is_wide=bool, sides=list[int], seen=datetime, note=str)
def shape(image):
    width = np.float64(image.metadata.width)
    height = image.metadata.height
    row = {"width_share": width / (width + height), "sides": np.array([width, height], int)}
    if width > height:
        row |= {"is_wide": np.bool_(True), "seen": datetime(2024, 6, 1), "note": "wide"}
    return row


class Made:
    times = 0


@mr.extractor(level=int, batch=int)
@mr.batched(size=3)
class Levels:
    def __init__(self):
        Made.times += 1

    def __call__(self, images):
        for image in images:
            yield {"level": int(image.thumbnail(1, 1)[0, 0, 1]), "batch": len(images)}


@mr.batched(size=4)
class ByBatch:
    def __call__(self, images):
        return [[(f"{len(images)}", image.metadata.width)] for image in images]


@mr.batched(size=4)
class FailsOnWide:
    def __call__(self, images):
        return [[("all", {"square": 1 / (image.metadata.width < 64)})] for image in images]


@mr.batched()
class Unloadable:
    def __init__(self):
        raise OSError("no such model")

    def __call__(self, images):
        return []


def count(key, values):
    yield mr.Output("count.json", len(list(values)))


def run(job: mr.Job, photos: Path, out: Path, workers: int = 1) -> mr.Results:
    mr.run(job, photos, out, workers=workers, thumbnails=False)
    return mr.open(out)


def test_an_own_extractor_adds_typed_columns(photos: Path, tmp_path: Path) -> None:
    results = run(mr.Job(extract=("header", shape)), photos, tmp_path / "out")
    schema = results.catalogue.schema
    assert schema.field("width_share").type == pa.float64()
    assert schema.field("is_wide").type == pa.bool_()
    assert schema.field("sides").type == pa.list_(pa.int64())
    assert schema.field("seen").type == pa.timestamp("ms")
    rows = {Path(row["uri"]).name: row for row in results.catalogue.to_pylist()}
    assert rows["wide 1.jpg"]["sides"] == [64, 48]
    assert rows["wide 1.jpg"]["note"] == "wide"
    assert rows["tall-1.png"]["is_wide"] is None
    assert rows["empty.jpg"]["sides"] is None
    assert results.sql("SELECT count(*) AS n FROM image WHERE is_wide")["n"].to_pylist() == [4]


def test_a_batch_is_done_at_once_and_set_up_once(photos: Path, tmp_path: Path) -> None:
    Made.times = 0
    results = run(mr.Job(extract=(Levels,)), photos, tmp_path / "out")
    assert Made.times == 1
    done = results.sql("SELECT batch, level FROM image")
    assert done["level"].null_count == 0
    # Eleven files of one split, of which two are no images.
    assert max(done["batch"].to_pylist()) == 3


def test_batches_give_the_same_results_on_workers(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(map=ByBatch, reduce=count)
    sizes = run(job, photos, tmp_path / "out", workers=2).groups["images"].to_pylist()
    assert sum(sizes) == 9


def test_an_image_that_fails_in_a_batch_fails_alone(photos: Path, tmp_path: Path) -> None:
    results = run(mr.Job(map=FailsOnWide), photos, tmp_path / "out")
    failed = results.quarantine.filter(pc.field("reason") == "mapper-failed")
    assert [Path(uri).name for uri in failed["uri"].to_pylist()] == [
        f"wide {number}.jpg" for number in range(4)
    ]
    assert "FailsOnWide raised ZeroDivisionError" in failed["message"][0].as_py()
    assert results.groups["images"].to_pylist() == [5]


def test_a_set_up_that_fails_ends_the_job_at_once(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(mr.JobError, match=r"set-up of .*Unloadable failed: OSError: no such model"):
        run(mr.Job(map=Unloadable), photos, tmp_path / "out")


@mr.extractor(a=int)
def wrong_name(image):
    return {"b": 1}


@mr.extractor(a=int)
def wrong_type(image):
    return {"a": "three"}


@pytest.mark.parametrize(
    ("function", "message"),
    [(wrong_name, "dictionary with the columns a"), (wrong_type, "'three' does not fit")],
)
def test_a_wrong_result_is_the_code_s_fault(
    function: object, message: str, photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(extract=(function,))  # type: ignore[arg-type]
    with pytest.raises(mr.JobError, match=message):
        run(job, photos, tmp_path / "out")


def test_a_changed_extractor_is_another_job(photos: Path, tmp_path: Path) -> None:
    one = mr.extractor(a=int)(lambda image: {"a": 1})
    two = mr.extractor(a=int)(lambda image: {"a": 2})
    run(mr.Job(extract=("header", one)), photos, tmp_path / "out")
    run(mr.Job(extract=("header", one)), photos, tmp_path / "out")
    with pytest.raises(mr.SinkError, match="extract"):
        run(mr.Job(extract=("header", two)), photos, tmp_path / "out")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mr.extractor(), "needs columns"),
        (lambda: mr.extractor(a=bytes), "float or list"),
        (lambda: mr.extractor(a=int)(7), "needs a function"),
        (lambda: mr.batched(size=0), "from 1 to 1024"),
        (lambda: mr.batched()(7), "needs a class"),
        (lambda: mr.Job(extract=("header", 7)), "Job.extract needs"),
        (lambda: mr.Job(extract="contnt"), 'Did you mean "content"'),
        (lambda: mr.Job(key="formt"), 'Did you mean "format"'),
        (lambda: mr.Job(edits=mr.Edits(resize="100x100")), "Edits.resize needs a size"),
        (lambda: mr.Job(extract=mr.extractor(width=int)(count)), "in the catalogue already"),
        (lambda: mr.Job(extract=("hash", mr.extractor(phash=str)(count))), "in the catalogue"),
    ],
)
def test_mistakes_are_refused_when_the_job_is_made(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(mr.UsageError, match=message):
        make()


PACKAGE = """
import mrimage as mr
from mrimage.reducers import GroupReducer

def parity(image):
    return "odd" if image.metadata.width % 2 else "even"

@mr.extractor(area=int)
def area(image):
    return {"area": image.metadata.width * image.metadata.height}

def negative(pixels):
    return 255 - pixels

def count(key, records):
    yield mr.Output("count.json", len(list(records)))

counted = GroupReducer("counted", "extras:count", "the number of images")
"""

ENTRY_POINTS = """
[mrimage.keys]
parity = extras:parity
format = extras:parity
[mrimage.extractors]
area = extras:area
[mrimage.corrections]
negative = extras:negative
[mrimage.reducers]
counted = extras:counted
"""


def test_an_installed_package_adds_by_entry_points(photos: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    facts = site / "extras-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "extras.py").write_text(PACKAGE)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: extras\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    options = "--key parity,format --extract header,area --correct negative --group counted"
    out = tmp_path / "out"
    command = [sys.executable, "-m", "mrimage", "run", str(photos), str(out), *options.split()]
    paths = os.pathsep.join([str(site), *sys.path])
    done = subprocess.run(
        [*command, "--format", "png", "--workers", "2", "--quiet"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = mr.open(out)
    # A built-in name wins.
    assert results.groups["key"].to_pylist() == ["even,jpeg", "even,png"]
    assert results.sql("SELECT max(area) AS a FROM image")["a"].to_pylist() == [64 * 48]
    assert (out / "groups/even,png/count.json").read_text().strip() == "4"
    [black, *_] = results.edited_images("even,png")
    assert black.pixels().min() == 255


def test_the_command_line_takes_an_extractor_of_a_module(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "shapes_of_mine.py").write_text(
        "import mrimage as mr\n\n@mr.extractor(area=int)\ndef area(image):\n"
        "    return {'area': image.metadata.width * image.metadata.height}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    out = str(tmp_path / "out")
    command = ["run", str(photos), out, "--extract", "header,shapes_of_mine:area", "--workers", "1"]
    assert main([*command, "--quiet", "--no-thumbnails"]) == 0
    assert mr.open(out).sql("SELECT max(area) AS a FROM image")["a"].to_pylist() == [3072]
    (photos / "empty.jpg").write_bytes((photos / "wide 0.jpg").read_bytes())
    assert main(["retry", out, "--workers", "1", "--quiet", "--no-thumbnails"]) == 2
    assert "--trust" in capsys.readouterr().err
    retry = ["retry", out, "--trust", "--workers", "1", "--quiet", "--no-thumbnails"]
    assert main(retry) == 0
    assert mr.open(out).sql("SELECT count(area) AS a FROM image")["a"].to_pylist() == [10]
