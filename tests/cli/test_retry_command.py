"""``mrimage retry``: what an OUT names is imported only where the user says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from mrimage.cli.main import main

MODULE = """
from pathlib import Path
import mrimage as mr

Path({mark!r}).write_text("imported")

def by_width(image):
    yield str(image.metadata.width), None

def by_height(image):
    yield str(image.metadata.height), None

JOB = mr.Job(map=by_width)
OTHER = mr.Job(map=by_height)
"""
QUICK = ("--workers", "1", "--no-thumbnails", "--quiet")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a job in Python, photographs of which one is empty, and the OUT of that job."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "photos/sound.png")
    (tmp_path / "photos/empty.png").touch()
    (tmp_path / "own_job.py").write_text(MODULE.format(mark=str(tmp_path / "mark")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["run", "photos", "out", "--job", "own_job:JOB", *QUICK]) == 0
    forget(tmp_path)
    return tmp_path


def forget(place: Path) -> None:
    """As in a new process: nothing of the job is imported."""
    sys.modules.pop("own_job", None)
    (place / "mark").unlink(missing_ok=True)


def mend(place: Path) -> None:
    Image.new("RGB", (40, 20)).save(place / "photos/empty.png")


def processed(place: Path) -> int:
    found: int = json.loads((place / "out/summary.json").read_text())["totals"]["processed"]
    return found


def test_retry_imports_nothing_that_out_names(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retry", "out", *QUICK]) == 2
    printed = capsys.readouterr().err
    assert "own_job:by_width" in printed
    assert "--trust" in printed
    assert "--job" in printed
    assert not (place / "mark").exists()


@pytest.mark.usefixtures("real_report")
def test_a_planted_name_is_not_imported_either(place: Path) -> None:
    planted = place / "planted.py"
    planted.write_text(
        f"from pathlib import Path\nPath({str(place / 'mark')!r}).touch()\nf = print"
    )
    job = place / "out/_run/job.json"
    job.write_text(job.read_text().replace("own_job:by_width", "planted:f"))
    assert main(["retry", "out", *QUICK]) == 2
    assert main(["retry", "out", "--job", "own_job:JOB", *QUICK]) == 2
    assert "planted" not in sys.modules
    assert processed(place) == 1


@pytest.mark.usefixtures("real_report")
def test_retry_takes_the_functions_of_the_job_that_is_named(place: Path) -> None:
    mend(place)
    assert main(["retry", "out", "--job", "own_job:JOB", *QUICK]) == 0
    assert processed(place) == 2


def test_another_job_is_refused_before_anything_is_forgotten(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retry", "out", "--job", "own_job:OTHER", *QUICK]) == 2
    assert "map" in capsys.readouterr().err
    assert len(list((place / "out").glob("quarantine.parquet"))) == 1
    assert main(["verify", "out"]) == 0


@pytest.mark.usefixtures("real_report")
def test_retry_trusts_where_it_is_told_to(place: Path) -> None:
    mend(place)
    assert main(["retry", "out", "--trust", *QUICK]) == 0
    assert (place / "mark").exists()
    assert processed(place) == 2


@pytest.mark.usefixtures("real_report")
def test_a_job_without_functions_needs_neither(place: Path) -> None:
    assert main(["run", "photos", "plain", "--key", "format", *QUICK]) == 0
    mend(place)
    assert main(["retry", "plain", *QUICK]) == 0
    assert json.loads((place / "plain/summary.json").read_text())["totals"]["processed"] == 2


@pytest.mark.parametrize("command", ["report", "verify"])
def test_no_other_command_imports_what_out_names(place: Path, command: str) -> None:
    assert main([command, "out"]) == 0
    assert main(["query", "out", "SELECT 1"]) == 0
    assert not (place / "mark").exists()
