"""What an attempt wrote that was killed goes, also where the next one has no reason to write it again."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.states import everything, leftovers

import mrimage as mr
from mrimage.cli.main import main
from mrimage.commit.task_writer import TaskWriter
from mrimage.flow import phases
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)
JOB = mr.Job(key=("format",), edits=mr.Edits(resize=(9, 9)), group=("mean",))


def is_sound(photos: Path, out: Path, job: mr.Job = JOB) -> bool:
    """Whether OUT is that of a fresh run, and ``verify`` finds nothing."""
    fresh = out.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    run(job, str(photos), str(fresh), HERE)
    return (
        everything(out) == everything(fresh)
        and leftovers(out) == []
        and main(["verify", str(out)]) == 0
    )


@pytest.mark.parametrize("phase", ["map", "reduce"])
@pytest.mark.parametrize("grown", [False, True])
def test_outputs_of_a_stopped_run_whose_images_are_gone_by_the_next_one(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, grown: bool
) -> None:
    out = tmp_path / "out"
    if grown:
        run(JOB, str(photos), str(out), HERE)
    Image.new("RGB", (20, 20)).save(photos / "late.webp")
    real = TaskWriter.commit

    def stop(self: TaskWriter, *arguments: object) -> object:
        if self.phase == phase and any("/webp/" in output for output in self._outputs):
            self._sink.close()
            raise KeyboardInterrupt
        return real(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(TaskWriter, "commit", stop)
        with pytest.raises(KeyboardInterrupt):
            run(JOB, str(photos), str(out), HERE)
    folder = "images" if phase == "map" else "groups"
    assert any((out / folder / "webp").iterdir())
    (photos / "late.webp").unlink()
    run(JOB, str(photos), str(out), HERE)
    assert is_sound(photos, out)


def test_outputs_of_an_attempt_that_died_whose_image_is_gone_by_the_next_one(
    photos: Path, tmp_path: Path
) -> None:
    first = photos / "wide 0.jpg"

    def mapper(image: mr.Image):
        if image.uri.endswith("wide 3.jpg") and first.exists():
            first.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        yield "all", None

    job, out = mr.Job(map=mapper, edits=mr.Edits(resize=(9, 9))), tmp_path / "out"
    summary = run(job, str(photos), str(out), RunOptions(workers=2, thumbnails=False))
    assert summary.failures["vanished"] == 1
    assert main(["verify", str(out)]) == 0


def test_a_file_of_somebody_s_stays_after_a_run_that_came_to_its_end(
    photos: Path, tmp_path: Path
) -> None:
    """There is nothing to look for then, and no listing of OUT is paid for."""
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    (out / "images/jpeg/mine.txt").write_text("mine")
    (photos / "trip" / "ink.jpg").unlink()
    run(JOB, str(photos), str(out), HERE)
    assert (out / "images/jpeg/mine.txt").exists()
    assert not (out / "_run/unclean").exists()


def test_a_stop_amid_the_sweeping_loses_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(
            phases.RunPhases, "plan_shuffle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run(JOB, str(photos), str(out), HERE)
    (out / "images/jpeg/left.jpg").write_bytes(b"left by a kill")
    with monkeypatch.context() as patched:
        patched.setattr(
            phases.Publisher, "count", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run(JOB, str(photos), str(out), HERE)
    (out / "images/jpeg/again.jpg").write_bytes(b"left by another")
    run(JOB, str(photos), str(out), HERE)
    assert is_sound(photos, out)
