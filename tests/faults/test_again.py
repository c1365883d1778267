"""The same command again: what is done stays as it is, and what is missing is made."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import SinkError
from mrimage.flow import phases
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)
JOB = mr.Job(key=("format",), edits=mr.Edits(resize=(20, 20)), group=("mean",))


def stamps(out: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below OUT: when it was last written, and what it holds."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files
    }


def test_a_run_with_nothing_to_do_writes_nothing(photos: Path, tmp_path: Path) -> None:
    out, how = tmp_path / "out", RunOptions(workers=1)
    run(JOB, str(photos), str(out), how)
    before = stamps(out)
    again = run(JOB, str(photos), str(out), how)
    assert (again.facts.reused, again.processed, again.quarantined) == (11, 9, 2)
    assert stamps(out) == before


@pytest.mark.usefixtures("real_report")
@pytest.mark.parametrize("step", ["write_report", "write_facts"])
def test_a_run_that_was_stopped_before_its_report_makes_it_when_it_continues(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    Image.new("L", (30, 40), 250).save(photos / "trip" / "new.png")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(phases, step, stop)
        with pytest.raises(KeyboardInterrupt):
            run(JOB, str(photos), str(out), HERE)
    run(JOB, str(photos), str(out), HERE)
    totals = json.loads((out / "summary.json").read_text())["totals"]
    assert (totals["listed"], totals["processed"]) == (12, 10)


@pytest.mark.usefixtures("real_report")
def test_a_report_that_was_removed_or_is_out_of_date_is_made_again(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    (out / "report.html").unlink()
    run(JOB, str(photos), str(out), HERE)
    assert (out / "report.html").is_file()
    (photos / "notes.txt").write_text("one more file that is no image")
    run(JOB, str(photos), str(out), HERE)
    assert json.loads((out / "summary.json").read_text())["totals"]["ignored"] == 2


def test_files_that_a_power_failure_left_empty_stop_nothing(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    (out / "_run/facts.json").write_bytes(b"")
    run(JOB, str(photos), str(out), HERE)
    assert main(["verify", str(out)]) == 0
    (out / "_run/job.json").write_bytes(b"")
    with pytest.raises(SinkError, match=r"job\.json.*damaged\. Add --fresh"):
        run(JOB, str(photos), str(out), HERE)
    assert main(["retry", str(out), "--workers", "1"]) == 1
    run(JOB, str(photos), str(out), replace(HERE, fresh=True))
    assert main(["verify", str(out)]) == 0


def one_slow(image: mr.Image) -> Iterator[tuple[str, None]]:
    """A mapper that needs ten seconds for one image, and takes them only where it cannot have them."""
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if image.uri.endswith("ink.jpg") and left < 10:
        time.sleep(60)
    yield "all", None


@pytest.mark.usefixtures("real_report")
def test_retry_with_more_time_processes_what_had_timed_out(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = mr.Job(map=one_slow, limits=mr.Limits(deadline=1))
    first = run(job, str(photos), str(out), RunOptions(workers=1, thumbnails=False))
    assert first.failures["timed-out"] == 1
    command = [
        "retry",
        str(out),
        "--reason",
        "timed-out",
        "--trust",
        "--workers",
        "1",
        "--no-thumbnails",
        "--quiet",
    ]
    assert main([*command, "--deadline", "1"]) == 0
    assert json.loads((out / "summary.json").read_text())["totals"]["processed"] == first.processed
    assert main([*command, "--deadline", "20"]) == 0
    assert (
        json.loads((out / "summary.json").read_text())["totals"]["processed"] == first.processed + 1
    )
