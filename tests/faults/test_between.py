"""What happens to a source between map and reduce, and to records that do not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.commit.verify import verify
from mrimage.flow import phases
from mrimage.flow.run import RunOptions, run
from mrimage.shuffle import records as spilling
from mrimage.storage import open_store

HERE = RunOptions(workers=1, thumbnails=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        Image.new("RGB", (20 + number % 3, 20), (8 * number, 0, 0)).save(
            folder / f"{number:02}.png"
        )
    return folder


def test_images_that_vanish_or_change_between_map_and_reduce_are_quarantined(
    source: Path, tmp_path: Path, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = phases.RunPhases.reduce

    def reduce(self, exchange):
        (source / "03.png").unlink()
        Image.new("RGB", (77, 77), "blue").save(source / "04.png")
        real(self, exchange)

    monkeypatch.setattr(phases.RunPhases, "reduce", reduce)
    out = tmp_path / "out"
    job = mr.Job(key=("format",), group=("mean",))
    summary = run(job, str(source), str(out), HERE)
    assert (summary.images, summary.processed, summary.failures) == (
        30,
        28,
        {"changed": 1, "vanished": 1},
    )
    assert {row["stage"] for row in rows(out, "quarantine")} == {"reduce"}
    assert list(verify(open_store(str(out)), out, summary.facts, tmp_path / "scratch")) == []

    monkeypatch.undo()
    fresh = tmp_path / "fresh"
    run(job, str(source), str(out), HERE)
    run(job, str(source), str(fresh), HERE)
    assert rows(out, "catalogue") == rows(fresh, "catalogue")
    assert (out / "groups/png/mean.png").read_bytes() == (
        fresh / "groups/png/mean.png"
    ).read_bytes()


def by_width(image: mr.Image) -> Iterator[tuple[str, int]]:
    yield str(image.metadata.width), 1
    yield "all", image.metadata.width


def total(key: str, values: Iterable[int]) -> Iterator[int]:
    yield sum(values)


def write_total(key: str, values: Iterable[int]) -> Iterator[mr.Output]:
    yield mr.Output("total.txt", str(sum(values)))


@pytest.mark.parametrize("most", [1, 7, 50_000])
def test_a_combiner_gives_the_same_however_often_its_task_spills(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(spilling, "SPILL_RECORDS", most)
    out = tmp_path / "out"
    job = mr.Job(map=by_width, combine=total, reduce=write_total)
    summary = run(job, str(source), str(out), HERE)
    assert (summary.processed, summary.groups) == (30, 4)
    totals = {path.parent.name: path.read_text() for path in (out / "groups").rglob("total.txt")}
    assert totals == {"all": str(10 * (20 + 21 + 22)), "20": "10", "21": "10", "22": "10"}
    parts = list((out / "_run/map").glob("*.records-*.parquet"))
    assert len(parts) == (1 if most == 50_000 else 30 if most == 1 else 8)


def test_an_image_that_goes_takes_its_share_of_combined_values_along(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilling, "SPILL_RECORDS", 7)
    out = tmp_path / "out"
    job = mr.Job(map=by_width, combine=total, reduce=write_total)
    run(job, str(source), str(out), HERE)
    (source / "00.png").unlink()
    grown = run(job, str(source), str(out), HERE)
    assert (grown.processed, grown.groups) == (29, 4)
    assert (out / "groups/all/total.txt").read_text() == str(10 * (20 + 21 + 22) - 20)
    assert (out / "groups/20/total.txt").read_text() == "9"
