"""Damage below ``_run/`` is reported by the file's name with a way out, whatever the command, and never as our own fault."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.states import everything

from mrimage.cli.main import main


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 3)


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")


DAMAGES = (cut, empty, fill_with_garbage, replace_by_a_folder, Path.unlink)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """A command that runs a job, and a copy of its finished OUT."""
    home = tmp_path_factory.mktemp("whole")
    for number in range(3):
        (home / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (12, 8), (60 * number, 0, 0)).save(home / "photos" / f"{number}.png")
    (home / "photos/bad.png").write_bytes(b"no image")
    command = ["run", str(home / "photos"), str(home / "out"), "--key", "format", "--resize", "6x6", "--group", "mean",
               "--workers", "1", "--quiet"]  # fmt: skip
    assert main(command) == 0
    (home / "photos/2.png").unlink()
    assert main(command) == 0
    shutil.copytree(home / "out", home / "kept")
    return command, home / "kept"


def commands(run: list[str]) -> list[list[str]]:
    out = run[2]
    return [
        run,
        ["retry", out, "--workers", "1", "--quiet"],
        ["report", out],
        ["verify", out],
        ["query", out, "SELECT * FROM outputs"],
        [*run, "--fresh"],
    ]


def restore(run: list[str], kept: Path) -> Path:
    out = Path(run[2])
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(kept, out)
    return out


def state(kept: Path) -> list[str]:
    return sorted(
        path.relative_to(kept).as_posix() for path in (kept / "_run").rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_damaged_in_a_way(
    damage: Callable[[Path], None],
    whole: tuple[list[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each file meets each damage, and in turn another command."""
    run, kept = whole
    names = state(kept)
    assert len(names) > 10
    for number, name in enumerate(names):
        out = restore(run, kept)
        damage(out / name)
        command = commands(run)[(number + DAMAGES.index(damage)) % 6]
        status = main(command)
        printed = capsys.readouterr()
        where = f"{command[0]} after {damage.__name__} of {name}: {printed}"
        assert status in (0, 1), where
        assert "unexpected" not in printed.err, where
        assert "please report" not in printed.err, where
        assert printed.err.count("\n") <= 1, where
        if status == 1:
            assert Path(name).name in printed.err + printed.out, where
            assert re.search(
                "--fresh|run the job again|remove what is there", printed.err + printed.out
            ), where


@pytest.mark.parametrize("damage", [cut, replace_by_a_folder, Path.unlink])
@pytest.mark.parametrize(
    "table", ["map/*.catalogue", "map/*.records-00000", "map/*.outputs", "reduce/*.groups"]
)
def test_a_damaged_task_is_done_again_when_its_report_is_removed(
    table: str,
    damage: Callable[[Path], None],
    whole: tuple[list[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, kept = whole
    out = restore(run, kept)
    path = min((out / "_run").glob(f"{table}.parquet"))
    damage(path)
    assert main(run) == 1
    printed = capsys.readouterr().err
    assert f"{path} must be the file that a run wrote, but it is " in printed
    report = re.search(r"Remove (_run/\S+\.json) and run the job again", printed)
    assert report
    if path.is_dir():
        assert "a folder. Remove it. " in printed
        shutil.rmtree(path)
    (out / report[1]).unlink()
    assert main(run) == 0
    assert everything(out) == everything(kept)
    assert main(["verify", str(out)]) == 0


def test_state_that_was_lost_by_a_kill_is_noticed_before_anything_is_made_of_it(
    whole: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a published state to compare with, the reports of the tasks say what there must be."""
    run, kept = whole
    out = restore(run, kept)
    (out / "_run/published.json").unlink()
    (path,) = (out / "_run/map").glob("*.records-00000.parquet")
    path.unlink()
    assert main(run) == 1
    assert f"{path} must be the file that a run wrote, but it is missing" in capsys.readouterr().err


def test_what_is_made_of_the_state_is_made_anew(whole: tuple[list[str], Path]) -> None:
    run, kept = whole
    for name in ("_run/published.json", "_run/facts.json"):
        out = restore(run, kept)
        empty(out / name)
        assert main(run) == 0
        assert main(["verify", str(out)]) == 0
        assert everything(out) == everything(kept)
