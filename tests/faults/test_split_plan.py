"""A run that was interrupted in map goes on with the splits that were planned at its start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.faults.states import everything

import mrimage as mr
from mrimage.errors import SinkError
from mrimage.flow import execution, phases, splitting
from mrimage.flow.run import RunOptions, run

ALONE = RunOptions(workers=1, thumbnails=False)
TWO = RunOptions(workers=2, thumbnails=False)
PLAN = "_run/splits.json"


def job(output: str) -> mr.Job:
    return mr.Job(key=("format",), edits=mr.Edits(resize=(8, 8)), output=output, shard_size=900)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eleven images of noise. Split limits follow from what there is to map and from the workers."""
    monkeypatch.setattr(splitting, "PIXEL_SPLIT", (1, 1 << 30))
    # The report comes last, from what is published, and takes long.
    monkeypatch.setattr(phases, "write_report", lambda *_, **__: None)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(11):
        noise = np.random.default_rng(number).integers(0, 256, (9, 12 + number, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a job that is interrupted when it has mapped one split."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def interrupted(*command: object) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(execution, "task_done", stop)
            with pytest.raises(KeyboardInterrupt):
                run(*command)

    return interrupted


@pytest.mark.parametrize("output", ["webdataset", "parquet"])
def test_an_interrupted_run_ends_in_the_shards_of_an_undisturbed_one(
    photos: Path, tmp_path: Path, interrupt: Callable[..., None], output: str
) -> None:
    run(job(output), str(photos), str(tmp_path / "whole"), ALONE)
    expected = everything(tmp_path / "whole")
    assert sum(name.startswith("images/") for name in expected) > 3
    out = tmp_path / "out"
    interrupt(job(output), str(photos), str(out), ALONE)
    assert (out / PLAN).exists()
    shutil.copytree(out, tmp_path / "again")
    run(job(output), str(photos), str(out), TWO)
    assert everything(out) == expected
    # One that is interrupted a second time has not forgotten the first one's plan.
    interrupt(job(output), str(photos), str(tmp_path / "again"), ALONE)
    run(job(output), str(photos), str(tmp_path / "again"), ALONE)
    assert everything(tmp_path / "again") == expected
    assert not (out / PLAN).exists()


def test_a_run_that_was_stopped_before_it_forgot_the_plan_forgets_it(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(job("webdataset"), str(photos), str(out), ALONE)
    (out / PLAN).write_text('{"max_bytes":1,"max_count":1,"starts":["a"]}')
    run(job("webdataset"), str(photos), str(out), ALONE)
    assert not (out / PLAN).exists()


def test_a_changed_source_changes_only_the_split_that_the_change_falls_into(
    photos: Path, tmp_path: Path, interrupt: Callable[..., None]
) -> None:
    run(job("webdataset"), str(photos), str(tmp_path / "whole"), ALONE)
    before = everything(tmp_path / "whole").keys()
    out = tmp_path / "out"
    interrupt(job("webdataset"), str(photos), str(out), ALONE)
    (photos / "08.png").unlink()
    run(job("webdataset"), str(photos), str(out), ALONE)
    after = everything(out).keys()
    tasks = {name[:39] for name in before ^ after if name.startswith("images/")}
    assert len(tasks) == 2, "the split that 08.png was in, and the one that is in its place"


@pytest.mark.parametrize("damage", [b"", b'{"max_bytes":1', b'{"max_bytes":"many"}', b"\xff\xfe"])
def test_a_damaged_plan_is_reported_with_the_way_out(
    photos: Path, tmp_path: Path, interrupt: Callable[..., None], damage: bytes
) -> None:
    out = tmp_path / "out"
    interrupt(job("webdataset"), str(photos), str(out), ALONE)
    (out / PLAN).write_bytes(damage)
    with pytest.raises(SinkError, match=r"splits\.json must be .* damaged\. Remove it and run the"):
        run(job("webdataset"), str(photos), str(out), ALONE)
    (out / PLAN).unlink()
    assert run(job("webdataset"), str(photos), str(out), ALONE).processed == 11
