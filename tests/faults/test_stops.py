"""A machine that stops between any two steps of a run leaves a state from which the same command continues."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.states import everything, leftovers

import mrimage as mr
from mrimage.flow import phases, splitting
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)
JOB = mr.Job(key=("format",), edits=mr.Edits(resize=(8, 8)), group=("mean",))

_hear: list[Callable[[str], None]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _hear and event in ("os.rename", "os.remove", "os.rmdir") and isinstance(arguments[0], str):
        listener = _hear.pop()  # what it does itself is no step
        try:
            listener(arguments[0])
        finally:
            _hear.append(listener)


sys.addaudithook(_audit)


@contextmanager
def pictures(out: Path, album: Path) -> Iterator[list[Path]]:
    """Copies of OUT as it is before each change of a name below it: what a stop at that moment would leave."""
    taken: list[Path] = []
    seen: set[frozenset[tuple[str, bytes]]] = set()

    def listen(path: str) -> None:
        state = frozenset(
            (str(file), file.read_bytes()) for file in out.rglob("*") if _counts(file)
        )
        if path.startswith(f"{out}/") and state not in seen:
            seen.add(state)
            taken.append(album / f"{len(taken):03}")
            shutil.copytree(out, taken[-1])

    _hear.append(listen)
    try:
        yield taken
    finally:
        _hear.remove(listen)


def _counts(path: Path) -> bool:
    """Whether ``path`` could matter to the next run; temporary files are swept unseen, which leftovers() checks."""
    return path.is_file() and "scratch" not in path.parts


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four images and a bad one, in splits of two."""
    monkeypatch.setattr(splitting, "HEADER_SPLIT", (2, 2))
    # The report comes last, from what is published, and takes long.
    monkeypatch.setattr(phases, "write_report", lambda *_, **__: None)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        Image.new("RGB", (20, 20), (90 * number, 0, 0)).save(folder / f"{number}.png")
        Image.new("L", (20, 20), 90 * number).save(folder / f"{number}.jpg")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def continues(
    job: mr.Job, photos: Path, out: Path, taken: list[Path], first: int, how: RunOptions = HERE
) -> None:
    """From every third of the states ``taken`` the run continues to the outputs of an undisturbed
    one. The tests begin with another one each, as their runs have most steps in common; the soak
    stops runs at all of them."""
    whole = out.with_name("whole")
    run(job, str(photos), str(whole), HERE)
    expected = everything(whole)
    for state in taken[first::3]:
        shutil.rmtree(out)
        state.rename(out)
        run(job, str(photos), str(out), how)
        assert everything(out) == expected, f"after a stop at step {state.name} of {len(taken)}"
        assert leftovers(out) == []


def test_a_first_run_stopped_at_any_step(photos: Path, tmp_path: Path) -> None:
    with pictures(tmp_path / "out", tmp_path / "album") as taken:
        run(JOB, str(photos), str(tmp_path / "out"), HERE)
    assert len(taken) > 20
    continues(JOB, photos, tmp_path / "out", taken, 0)


def test_a_run_on_a_source_that_changed_stopped_at_any_step(photos: Path, tmp_path: Path) -> None:
    run(JOB, str(photos), str(tmp_path / "out"), HERE)
    (photos / "0.png").unlink()
    Image.new("L", (9, 9), 9).save(photos / "1.jpg")
    Image.new("RGB", (9, 9)).save(photos / "new.webp")
    with pictures(tmp_path / "out", tmp_path / "album") as taken:
        run(JOB, str(photos), str(tmp_path / "out"), HERE)
    assert len(taken) > 20
    continues(JOB, photos, tmp_path / "out", taken, 1)


def test_a_fresh_start_stopped_at_any_step(photos: Path, tmp_path: Path) -> None:
    run(
        mr.Job(key=("dimensions",), edits=mr.Edits(format="webp")),
        str(photos),
        str(tmp_path / "out"),
        HERE,
    )
    fresh = replace(HERE, fresh=True)
    with pictures(tmp_path / "out", tmp_path / "album") as taken:
        run(JOB, str(photos), str(tmp_path / "out"), fresh)
    taken = [state for state in taken if not (state / "_run/map").exists() or not is_of(JOB, state)]
    assert len(taken) > 10
    continues(JOB, photos, tmp_path / "out", taken, 2, fresh)


def is_of(job: mr.Job, out: Path) -> bool:
    described = out / "_run/job.json"
    return described.exists() and json.loads(described.read_text())["key"] == list(job.key)


def test_a_retry_stopped_at_any_step(photos: Path, tmp_path: Path) -> None:
    from mrimage.cli.retry import forget_quarantined
    from mrimage.storage import open_store

    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    with pictures(out, tmp_path / "album") as taken:
        forget_quarantined(open_store(str(out)), tmp_path / "scratch", None)
        run(JOB, str(photos), str(out), HERE)
    continues(JOB, photos, out, taken, 0)
