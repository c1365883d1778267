"""Whole runs of jobs with a program: bad images, retry, growth, changed programs, and what people read."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.spark.conftest import published

import mrimage as mr
from mrimage.cli.main import main
from mrimage.cli.retry import forget_quarantined
from mrimage.flow import phases, progress
from mrimage.flow.run import RunOptions, run
from mrimage.flow.summary import Summary
from mrimage.rounds import planning
from mrimage.rounds.programs import FoundTable
from mrimage.storage import open_store

HERE = RunOptions(workers=1, thumbnails=False)

Pairs = Iterator[tuple[str, Any]]
Rounds = Generator[mr.Round, mr.Table, Any]


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs make no page, which takes longer than all of their rounds."""
    monkeypatch.setattr(phases, "write_report", lambda *_, **__: None)
    monkeypatch.setattr("mrimage.report.warm", lambda: nullcontext(lambda: None))


@pytest.fixture(autouse=True)
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "FEWEST", 2)


def picture(folder: Path, name: str, gray: int, broken: bool = False) -> None:
    buffer = io.BytesIO()
    Image.new("L", (32, 24), gray).save(buffer, "png")
    data = bytearray(buffer.getvalue())
    if broken:
        # The header is sound: map, which decodes nothing, does not notice.
        at = data.index(b"IDAT") + 6
        data[at : at + 8] = bytes(8)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)


def by_format(image: mr.Image) -> Pairs:
    yield image.metadata.format, image.uri


def look(key: str, uri: str, side: object) -> Pairs:
    """Opens the image in a mapper."""
    yield f"{int(mr.open_image(uri).thumbnail(4, 4).mean()) // 64}", uri


def look_again(key: str, uris: Iterator[str], side: object) -> Pairs:
    """Opens the images in a reducer."""
    for uri in uris:
        yield key, [Path(uri).name, int(mr.open_image(uri).thumbnail(4, 4).mean())]


def shades(table: mr.Table) -> Rounds:
    seen = yield mr.Round(table, look, look_again)
    return [mr.Output("shades.json", sorted(map(list, seen)))]


def reduced_shades(table: mr.Table) -> Rounds:
    """Opens the images in the reducer alone."""
    seen = yield mr.Round(table, pass_on, look_again)
    return [mr.Output("shades.json", sorted(map(list, seen)))]


def pass_on(key: str, value: object, side: object) -> Pairs:
    yield key, value


def count(key: str, values: Iterator[object]) -> Iterator[mr.Output]:
    yield mr.Output("count.json", len(list(values)))


def tasks_of(summary: Summary) -> Counter[str]:
    return Counter(task.phase.partition(" ")[0] for task in summary.facts.tasks)


@pytest.mark.usefixtures("real_report")
def test_a_bad_image_is_left_out_retried_and_taken_back_and_a_grown_source_gives_what_a_fresh_run_gives(
    tmp_path: Path, rows: Any, unreported: None, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    for number in range(8):
        picture(photos, f"{number}.png", 30 * number, broken=number == 5)
    job = mr.Job(map=by_format, reduce=count, program=shades)
    out = tmp_path / "out"
    first = run(job, str(photos), str(out), HERE)
    assert (first.processed, first.quarantined) == (7, 1)
    assert [(row["uri"], row["stage"]) for row in rows(out, "quarantine")] == [
        (str(photos / "5.png"), "round")
    ]
    names = [
        pair[1][0] for pair in msgspec.json.decode((out / "groups/shades/shades.json").read_bytes())
    ]
    assert sorted(names) == [f"{number}.png" for number in range(8) if number != 5]

    made = published(out)
    assert forget_quarantined(open_store(str(out)), tmp_path / "scratch", None) == 1
    again = run(job, str(photos), str(out), HERE)
    assert again.quarantined == 1
    assert tasks_of(again)["round"] >= 1
    assert tasks_of(again)["map"] == tasks_of(again)["reduce"] == 0
    assert published(out) == made

    picture(photos, "5.png", 150)
    picture(photos, "new.png", 77)
    (photos / "2.png").unlink()
    grown = run(job, str(photos), str(out), HERE)
    fresh = run(job, str(photos), str(tmp_path / "fresh"), HERE)
    assert (grown.processed, grown.quarantined) == (8, 0)
    assert published(out) == published(tmp_path / "fresh")
    assert grown.failures == fresh.failures == {}
    capsys.readouterr()
    assert main(["verify", str(out)]) == 1
    problems = capsys.readouterr().out.splitlines()
    # The page is missing because this test makes none.
    assert {line.partition(";")[0] for line in problems if "missing" in line} == {
        "missing: report.html",
        "missing: summary.json",
    }


def test_a_changed_program_keeps_what_map_and_reduce_have_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreported: None
) -> None:
    said: list[str] = []
    monkeypatch.setattr(progress.Silent, "say", lambda _, text: said.append(text))
    photos = tmp_path / "photos"
    for number in range(6):
        picture(photos, f"{number}.png", 30 * number, broken=number == 5)
    out = tmp_path / "out"
    run(mr.Job(map=by_format, reduce=count, program=shades), str(photos), str(out), HERE)
    other = mr.Job(map=by_format, reduce=count, program=reduced_shades)
    summary = run(other, str(photos), str(out), HERE)
    (message,) = said
    assert "the program test_runs:reduced_shades instead of test_runs:shades" in message
    assert message.endswith("What map and reduce have done is kept; the program runs again.")
    assert tasks_of(summary).keys() == {"round", "program"}
    assert not (out / "groups/shades").exists()
    # The image fails in the reducer, too, whose key is then reduced without it.
    found = msgspec.json.decode((out / "groups/reduced_shades/shades.json").read_bytes())
    assert [name for _, (name, _) in found] == [f"{number}.png" for number in range(5)]
    assert summary.quarantined == 1

    without = run(mr.Job(map=by_format, reduce=count), str(photos), str(out), HERE)
    assert without.quarantined == 0
    assert tasks_of(without) == {}
    assert not (out / "groups/reduced_shades").exists()
    assert not (out / "_run/rounds").exists()


@pytest.mark.usefixtures("real_report")
def test_rounds_have_rows_in_the_report_and_a_run_with_them_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    for number in range(3):
        picture(photos, f"{number}.png", 30 * number)
    out = tmp_path / "out"
    job = mr.Job(program=names, needs=("hash",))
    summary = run(job, str(photos), str(out), HERE)
    phases_seen = [phase.name for phase in summary.facts.phases]
    assert phases_seen == [
        "list", "map", "plan", "round 1", "program", "publish", "report",
    ]  # fmt: skip
    page = (out / "report.html").read_text()
    assert "round 1" in page
    assert "test_runs:names" in page
    found = pq.read_table(out / "clusters.parquet").to_pylist()
    assert found == [{"cluster": number} for number in range(3)]
    table = pq.read_table(out / "groups/names/table.parquet").to_pylist()
    assert [row["path"] for row in table] == ["0.png", "1.png", "2.png"]
    assert all(len(row["phash"]) == 16 for row in table)
    assert main(["verify", str(out)]) == 0
    again = run(job, str(photos), str(out), HERE)
    assert [phase.name for phase in again.facts.phases] == ["list", "map", "plan", "publish"]
    (out / "clusters.parquet").write_bytes(b"")
    assert main(["verify", str(out)]) == 1
    assert "altered: clusters.parquet" in capsys.readouterr().out
    (out / "clusters.parquet").unlink()
    run(job, str(photos), str(out), HERE)
    assert main(["verify", str(out)]) == 0
    damaged = next(out.glob("_run/rounds/*/reduce/*.records-00000.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    capsys.readouterr()
    assert main(["verify", str(out)]) == 1
    printed = capsys.readouterr().out
    assert damaged.name in printed
    assert "so that it is done again" in printed


def names(table: mr.Table) -> Rounds:
    """What a job without a mapper gives its program: names, and the columns that it needs."""
    found = yield mr.Round(table, by_path, first_of)
    # What only programs by name return.
    clusters = FoundTable("clusters", pa.table({"cluster": range(len(found))}))
    rows = [{"key": key, **value} for key, value in found]
    return [clusters, mr.Output("table.parquet", rows)]


def by_path(key: str, value: dict[str, Any], side: object) -> Pairs:
    yield value["path"], value


def first_of(key: str, values: Iterator[dict[str, Any]], side: object) -> Pairs:
    yield key, next(values)
