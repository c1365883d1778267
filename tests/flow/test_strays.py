"""Files without an extension that are no images are ignored and counted; those that somebody named are not."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from mrimage.cli.main import main
from mrimage.flow.run import RunOptions, run
from mrimage.flow.summary import Summary
from mrimage.job.job import Job

HERE = RunOptions(workers=1, thumbnails=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images, one of them without an extension, and three files that are none: two without an extension too."""
    folder = tmp_path / "photos"
    (folder / "CVS").mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(folder / "sound.png")
    Image.new("RGB", (30, 20)).save(folder / "8f3a9c", format="PNG")
    (folder / "README").write_text("Photographs of the summer.\n")
    (folder / "CVS/Entries").write_text("D\n")
    (folder / "damaged.png").write_text("no image, whatever its name says\n")
    return folder


def counts(done: Summary) -> tuple[int, int, int, dict[str, int]]:
    facts = done.facts
    return facts.listed, facts.processed, facts.quarantined, dict(facts.ignored_reasons)


def test_a_file_without_an_extension_that_is_no_image_is_ignored(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    done = run(Job(), str(photos), str(out), HERE)
    assert counts(done) == (3, 2, 1, {"not an image": 2})
    assert done.failures == {"not-an-image": 1}
    assert "2 without an extension, and not images" in repr(done)
    assert pq.read_table(out / "catalogue").num_rows == 3
    assert pq.read_table(out / "quarantine.parquet").num_rows == 1
    assert done.facts.bytes == sum(
        (photos / name).stat().st_size for name in ("sound.png", "8f3a9c", "damaged.png")
    )
    assert main(["verify", str(out)]) == 0
    assert main(["report", str(out)]) == 0


def test_it_is_not_tried_again_unless_it_changes(photos: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run(Job(), str(photos), out, HERE)
    again = run(Job(), str(photos), out, HERE)
    assert counts(again) == (3, 2, 1, {"not an image": 2})
    assert sum(task.images for task in again.facts.tasks) == 0
    Image.new("RGB", (30, 20)).save(photos / "README", format="PNG")
    grown = run(Job(), str(photos), out, HERE)
    assert counts(grown) == (4, 3, 1, {"not an image": 1})
    fresh = run(Job(), str(photos), str(tmp_path / "fresh"), HERE)
    assert counts(fresh) == counts(grown)
    catalogue = [pq.read_table(tmp_path / name / "catalogue") for name in ("out", "fresh")]
    assert catalogue[0] == catalogue[1]


def test_a_member_of_an_archive_is_ignored_too(photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(photos, ".")
    done = run(Job(), str(tmp_path / "photos.tar"), str(tmp_path / "out"), HERE)
    assert counts(done) == (3, 2, 1, {"not an image": 2})


@pytest.mark.parametrize(
    "job", [Job(all_files=True), Job(include=("README", "CVS/*", "*.png", "8*"))]
)
def test_a_file_that_was_asked_for_is_quarantined(job: Job, photos: Path, tmp_path: Path) -> None:
    done = run(job, str(photos), str(tmp_path / "out"), HERE)
    assert counts(done) == (5, 2, 3, {})


def test_a_file_that_a_list_names_is_quarantined(photos: Path, tmp_path: Path) -> None:
    names = [str(photos / name) for name in ("README", "sound.png")]
    (tmp_path / "names.txt").write_text("\n".join(names))
    done = run(Job(), str(tmp_path / "names.txt"), str(tmp_path / "out"), HERE)
    assert counts(done)[:3] == (2, 1, 1)


def test_a_single_file_as_the_source_is_quarantined(photos: Path, tmp_path: Path) -> None:
    done = run(Job(), str(photos / "README"), str(tmp_path / "out"), HERE)
    assert counts(done)[:3] == (1, 0, 1)
