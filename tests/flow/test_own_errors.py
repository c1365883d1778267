"""Errors of the job's own code name their line, are said at once, and stop a job that never works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import JobError
from mrimage.flow.run import RunOptions, run
from mrimage.tasks.trial import TRIAL_IMAGES

JOBS = """
import mrimage as mr

def inner(image):
    return image.metadata.camra

def typo(image):
    yield inner(image), 1

def sometimes(image):
    if image.path.endswith("0.jpg"):
        raise KeyError("zero")
    yield "k", 1

def each_another(image):
    raise KeyError(image.path)
    yield

def badly(key, values):
    for value in values:
        value["missing"]
    yield mr.Output("n.json", 1)

def halve(key, values):
    yield 1 / 0

def through_a_library(image):
    import statistics
    yield "k", statistics.mean([])
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own_jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "own_jobs.py"
    sys.modules.pop("own_jobs", None)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2 * TRIAL_IMAGES):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number:03}.jpg")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_names_the_line_of_the_user_s_code(
    jobs: Path, many: Path, tmp_path: Path, rows, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    from own_jobs import sometimes  # type: ignore[import-not-found]

    out = tmp_path / "out"
    how = RunOptions(workers=workers, thumbnails=False, quiet=False)
    summary = run(mr.Job(map=sometimes), str(many), str(out), how)
    said = f"the mapper own_jobs:sometimes raised KeyError: 'zero' ({jobs}, line 12, in sometimes)"
    assert {str(row["message"]) for row in rows(out, "quarantine")} == {said}
    assert summary.processed == 2 * TRIAL_IMAGES - 4
    printed = capsys.readouterr().err
    assert printed.count(said) == 1
    assert f"mapper-failed: {many}/000.jpg: {said}" in printed
    assert f"first cause  {many}/000.jpg: {said}" in str(summary)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_mapper_that_always_fails_stops_the_run_with_its_cause(
    jobs: Path, many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    command = [
        "run",
        str(many),
        str(tmp_path / "out"),
        "--workers",
        workers,
        "--no-thumbnails",
        "--job",
    ]
    assert main([*command, "own_jobs:typo"]) == 2  # a mapper is not a job
    (tmp_path / "typo.toml").write_text('map = "own_jobs:typo"\n')
    (tmp_path / "good.toml").write_text('map = "own_jobs:sometimes"\n')
    capsys.readouterr()
    assert main([*command, str(tmp_path / "typo.toml")]) == 1
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"failed on each of the first {TRIAL_IMAGES} images" in printed
    assert (
        f"AttributeError: 'Metadata' object has no attribute 'camra' ({jobs}, line 5, in inner)"
        in printed
    )
    assert main([*command, str(tmp_path / "good.toml")]) == 0  # what never ran does not claim OUT


def test_a_smaller_source_stops_when_every_image_failed(
    jobs: Path, photos: Path, tmp_path: Path
) -> None:
    from own_jobs import each_another, through_a_library

    with pytest.raises(
        JobError,
        match=r"on all of the 9 images that reached it.* \(.*own_jobs\.py, line 16, in each_another\)",
    ):
        run(
            mr.Job(map=each_another),
            str(photos),
            str(tmp_path / "out"),
            RunOptions(workers=1, thumbnails=False),
        )
    with pytest.raises(
        JobError, match=r"StatisticsError: .* \(.*own_jobs\.py, line 29, in through_a_library\)"
    ):
        run(
            mr.Job(map=through_a_library),
            str(photos),
            str(tmp_path / "out"),
            RunOptions(workers=1, thumbnails=False),
        )


def test_whoever_tolerates_all_failures_gets_them(jobs: Path, many: Path, tmp_path: Path) -> None:
    from own_jobs import typo

    how = RunOptions(workers=1, thumbnails=False, max_failures="100%")
    summary = run(mr.Job(map=typo), str(many), str(tmp_path / "out"), how)
    assert summary.failures == {"mapper-failed": 2 * TRIAL_IMAGES}


def test_new_images_that_fail_do_not_stop_a_job_that_has_worked(
    jobs: Path, many: Path, tmp_path: Path
) -> None:
    from own_jobs import sometimes

    how = RunOptions(workers=1, thumbnails=False)
    run(mr.Job(map=sometimes), str(many), str(tmp_path / "out"), how)
    for number in range(TRIAL_IMAGES):
        Image.new("RGB", (8, 8), (number, 9, 9)).save(many / f"new{number:03}0.jpg")
    summary = run(mr.Job(map=sometimes), str(many), str(tmp_path / "out"), how)
    assert summary.failures == {"mapper-failed": 4 + TRIAL_IMAGES}


@pytest.mark.parametrize("workers", [1, 2])
def test_reducers_and_combiners_name_their_line_too(
    jobs: Path, photos: Path, tmp_path: Path, workers: int
) -> None:
    from own_jobs import badly, halve

    how = RunOptions(workers=workers, thumbnails=False)
    job = mr.Job(map=lambda image: [("k", {"a": 1})], reduce=badly)
    with pytest.raises(
        JobError, match=r"on key 'k'\. KeyError: 'missing' \(.*own_jobs\.py, line 21, in badly\)"
    ):
        run(job, str(photos), str(tmp_path / "out"), how)
    job = mr.Job(map=lambda image: [("k", 1)], combine=halve, reduce=badly)
    with pytest.raises(
        JobError,
        match=r"The combiner own_jobs:halve failed: ZeroDivisionError.*own_jobs\.py, line 25",
    ):
        run(job, str(photos), str(tmp_path / "other"), how)
