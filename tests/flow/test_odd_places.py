"""A path is a name, and nothing in it has a meaning: OUT may be called anything that its file system allows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.states import everything

from mrimage.cli.main import main

ODD = (
    "status=quarantined/width=512/format=png",
    "r[1]",
    "r*",
    "[!a]{a,b}**?",
    'it\'s "so" (100%20) #1;&é😀 $HOME ~',
    " -dash\nand a \\ new line ",
)
"""Each lies beside folders that its name would match, taken for a pattern."""

State = dict[str, bytes]


def image(place: Path, shade: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 8), (shade, 0, 0)).save(place)
    os.utime(place, (shade, shade))


def options(photos: Path | str, out: Path | str) -> list[str]:
    return ["run", str(photos), str(out), "--key", "format", "--resize", "6x6", "--group", "mean", "--workers", "1",
            "--no-thumbnails", "--quiet"]  # fmt: skip


def start(photos: Path) -> None:
    bring_back(photos / "0.png")
    for number in range(3):
        image(photos / f"{number}.png", 70 * number)
    (photos / "bad.png").write_bytes(b"no image")
    os.utime(photos / "bad.png", (1, 1))
    put_away(photos / "late.png")


def grow(photos: Path) -> None:
    bring_back(photos / "late.png")
    image(photos / "late.png", 200)
    put_away(photos / "0.png")


def put_away(path: Path) -> None:
    """Take a file out of the source. It stays the same file on the disk, which the catalogue knows by its inode."""
    if path.exists():
        path.rename(path.parent.with_name(f"away-{path.name}"))


def bring_back(path: Path) -> None:
    away = path.parent.with_name(f"away-{path.name}")
    if away.exists():
        away.rename(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State, State]:
    """Photographs, and what a run makes of them in a plain place, before and after they grew; and a folder beside, of which
    a neighbor of each OUT is made."""
    home = tmp_path_factory.mktemp("home")
    photos = home / "photos"
    start(photos)
    assert main(options(photos, home / "plain")) == 0
    before = everything(home / "plain")
    grow(photos)
    assert main(options(photos, home / "plain")) == 0
    image(home / "other/other.png", 9)
    assert main(options(home / "other", home / "r1")) == 0
    return photos, before, everything(home / "plain")


def answer(out: Path, sql: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["query", str(out), sql, "--format", "json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


# A bracket and an asterisk alone are in the pattern too, and test_query has them alone.
@pytest.mark.parametrize("name", [name for name in ODD if name not in ("r[1]", "r*")])
def test_every_command_on_an_out_with_an_odd_name(
    name: str,
    finished: tuple[Path, State, State],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos, before, after = finished
    for neighbor in ("r1", "r2", "ra", "a", "!", "b"):
        (tmp_path / neighbor).symlink_to(photos.with_name("r1"))
    out = tmp_path / name
    start(photos)
    assert main(options(photos, out)) == 0
    assert everything(out) == before
    grow(photos)
    assert main(options(photos, out)) == 0
    assert everything(out) == after
    assert main(["retry", str(out), "--workers", "1", "--no-thumbnails", "--quiet"]) == 0
    assert everything(out) == after
    assert main(["verify", str(out)]) == 0
    assert main(["report", str(out), "--against", str(tmp_path / "r1")]) == 0
    sql = "SELECT status, count(*) AS images FROM catalogue GROUP BY status ORDER BY status"
    assert answer(out, sql, capsys) == [
        {"status": "processed", "images": 3},
        {"status": "quarantined", "images": 1},
    ]
    assert answer(out, "SELECT min(width) AS w, max(width) AS v FROM catalogue", capsys) == [
        {"w": 12, "v": 12}
    ]
    assert answer(out, "SELECT count(*) AS outputs FROM outputs", capsys) == [{"outputs": 4}]
    assert json.loads((out / "summary.json").read_text())["totals"]["quarantined"] == 1


def test_a_source_with_an_odd_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "year=2024" / "it's [1] * ? {a}"
    start(home / "in # 1")
    monkeypatch.chdir(home)
    assert main(options("in # 1", "./-out")) == 0
    assert main(["verify", "./-out"]) == 0


def test_a_backslash_beside_a_wildcard_is_refused(
    finished: tuple[Path, State, State], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options(finished[0], tmp_path / "a\\[1]")) == 2
    assert "The name of OUT must not combine a backslash with *, ? or [" in capsys.readouterr().err
