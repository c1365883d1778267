"""``mrimage verify``: whatever is done to OUT is reported in a line, and a run makes lost tables anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.run import RunOptions, run

JOB = mr.Job(key=("format",), edits=mr.Edits(resize=(9, 9)), group=("mean",))
TABLES = ("outputs.parquet", "quarantine.parquet", "groups.parquet", "catalogue/part-00000.parquet")


@pytest.fixture
def out(photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    run(JOB, str(photos), str(folder), RunOptions(workers=1, thumbnails=False))
    return folder


@pytest.fixture
def verified(out: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, list[str]]]:
    """Status and lines of the command."""

    def verify() -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main(["verify", str(out)])
        return status, capsys.readouterr().out.splitlines()

    return verify


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    """Flip one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_is_told_and_made_anew_by_the_next_run(
    photos: Path, out: Path, table: str, verified: Callable[[], tuple[int, list[str]]]
) -> None:
    whole = (out / table).read_bytes()
    (out / table).unlink()
    status, lines = verified()
    assert status == 1
    assert [line.partition(";")[0] for line in lines] == [f"missing: {table}"]
    run(JOB, str(photos), str(out), RunOptions(workers=1, thumbnails=False))
    assert (out / table).read_bytes() == whole
    assert verified()[0] == 0


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("harm", [cut, flip])
def test_a_table_that_was_harmed_is_reported(
    out: Path,
    table: str,
    harm: Callable[[Path], None],
    verified: Callable[[], tuple[int, list[str]]],
) -> None:
    harm(out / table)
    status, lines = verified()
    assert status == 1
    assert [line.partition(";")[0] for line in lines] == [f"altered: {table}"]


def test_one_flipped_bit_of_any_output_is_reported_with_its_name(
    out: Path, verified: Callable[[], tuple[int, list[str]]]
) -> None:
    outputs = [
        path
        for top in ("images", "groups")
        for path in sorted((out / top).rglob("*"))
        if path.is_file()
    ]
    for path in outputs:
        whole = path.read_bytes()
        flip(path)
        status, lines = verified()
        assert status == 1
        assert lines == [f"altered: {path.relative_to(out)} does not have the hash in its lineage"]
        path.write_bytes(whole)
    assert len(outputs) == 11
    assert verified()[0] == 0


@pytest.mark.parametrize(
    "place", ["stranger.txt", "images/x.png", "groups/png/x.txt", "catalogue/x.parquet"]
)
def test_a_foreign_file_is_reported(
    out: Path, place: str, verified: Callable[[], tuple[int, list[str]]]
) -> None:
    (out / place).write_bytes(b"not ours")
    status, (line,) = verified()
    assert status == 1
    assert line.startswith(f"foreign: {place} ")


def test_an_out_with_nothing_but_its_state_is_told_and_not_a_crash(
    out: Path, verified: Callable[[], tuple[int, list[str]]]
) -> None:
    for path in out.iterdir():
        if path.name != "_run":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    status, lines = verified()
    assert status == 1
    assert sorted(line.partition(";")[0].partition(": ")[2] for line in lines) == [
        "catalogue/part-00000.parquet",
        "groups.parquet",
        "outputs.parquet",
        "quarantine.parquet",
        "report.html",
        "summary.json",
    ]
