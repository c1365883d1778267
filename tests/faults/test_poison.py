"""Images that take their process down, that vanish or change, and stragglers: nothing is lost.

test_chaos has an image of each poison in one run, and runs that are killed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.poisons import swallow

import mrimage as mr
from mrimage.flow import splitting
from mrimage.flow.run import RunOptions, run


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / f"{number:02}.png")
    return folder


def poison(kind: str):
    def mapper(image: mr.Image):
        if "05" in image.uri.rpartition("/")[2]:
            swallow(kind)
        yield "all", None

    return mapper


def test_a_task_that_dies_is_reported_in_its_report(corpus: Path, tmp_path: Path) -> None:
    summary = run(
        mr.Job(map=poison("segfault")),
        str(corpus),
        str(tmp_path / "out"),
        RunOptions(workers=2, thumbnails=False),
    )
    messages = [error for task in summary.facts.tasks for error in task.errors]
    assert messages == ["its process was ended by SIGSEGV"]


def test_a_second_run_at_the_same_time_is_refused(corpus: Path, tmp_path: Path) -> None:
    from mrimage.commit.lock import locked
    from mrimage.errors import SinkError
    from mrimage.storage import open_store

    with (
        locked(open_store(str(tmp_path / "out"), create=True)),
        pytest.raises(SinkError, match=f"process {os.getpid()}"),
    ):
        run(mr.Job(), str(corpus), str(tmp_path / "out"), RunOptions(workers=1))


def test_an_image_that_vanishes_after_the_listing_is_quarantined(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrimage.commit.inventory import Inventory

    real = Inventory.to_map

    def remove_first(self, *arguments):
        (corpus / "03.png").unlink()
        Image.new("RGB", (77, 77)).save(corpus / "04.png")
        yield from real(self, *arguments)

    monkeypatch.setattr(Inventory, "to_map", remove_first)
    summary = run(
        mr.Job(), str(corpus), str(tmp_path / "out"), RunOptions(workers=1, thumbnails=False)
    )
    assert summary.failures == {"changed": 1, "vanished": 1}


def test_a_straggler_is_raced_and_the_output_is_the_same(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "HEADER_SPLIT", (1, 1))
    marker = tmp_path / "first-attempt"

    def slow_once(image: mr.Image):
        if image.uri.endswith("11.png") and not marker.exists():
            marker.touch()
            time.sleep(
                600
            )  # longer than a test may take: without its rival this one would never end
        yield "all", None

    summary = run(
        mr.Job(map=slow_once),
        str(corpus),
        str(tmp_path / "out"),
        RunOptions(workers=2, thumbnails=False),
    )
    assert any(task.speculative for task in summary.facts.tasks)
    assert summary.processed == 12


def test_an_image_that_kills_slowly_is_found_while_other_workers_are_idle(tmp_path: Path) -> None:
    """Its task becomes a straggler before it dies: races against it must not keep the careful attempt from coming."""
    photos, deaths = tmp_path / "photos", tmp_path / "deaths"
    photos.mkdir()
    deaths.mkdir()
    for number in range(8):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(photos / f"{number}.bmp")
        os.truncate(photos / f"{number}.bmp", 9 << 20)  # a split each

    def killer(image: mr.Image):
        if image.uri.endswith("7.bmp"):
            time.sleep(2)
            dead = len(list(deaths.iterdir()))
            if dead < 4:  # or this test would not end where there is always a rival left
                (deaths / str(dead)).touch()
                os._exit(3)
        yield "all", None

    summary = run(
        mr.Job(map=killer),
        str(photos),
        str(tmp_path / "out"),
        RunOptions(workers=2, thumbnails=False),
    )
    assert summary.failures == {"crashed": 1}
    assert summary.processed == 7
