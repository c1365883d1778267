"""Several sources in one run."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.source import labels_of

pytestmark = pytest.mark.usefixtures("plain_report")

Rows = Callable[[Path, str], list[dict[str, object]]]


@pytest.fixture
def cards(tmp_path: Path) -> list[Path]:
    """Three folders, two of one name, each with images of the same names."""
    folders = [tmp_path / "one/card", tmp_path / "two/card", tmp_path / "scans"]
    for number, folder in enumerate(folders):
        (folder / "trip").mkdir(parents=True)
        Image.new("L", (8, 8), 50 * number).save(folder / "a.png")
        Image.new("L", (9, 9), 50 * number).save(folder / "trip/b.png")
    return folders


def run(sources: list[Path], out: Path, *options: str) -> int:
    common = ["--workers", "1", "--quiet", "--no-thumbnails", "--format", "png"]
    return main(["run", *map(str, sources), str(out), *common, *options])


def made(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out / "images")) for path in out.rglob("images/**/*.png"))


def test_no_two_images_of_several_sources_are_one(
    cards: list[Path], tmp_path: Path, rows: Rows
) -> None:
    out = tmp_path / "out"
    assert run(cards, out, "--key", "all") == 0
    labels = ("one_card", "two_card", "scans")
    names = [f"{label}/{name}" for label in labels for name in ("a.png", "trip/b.png")]
    assert made(out) == sorted(f"all/{name}" for name in names)
    assert sorted(str(row["path"]) for row in rows(out, "catalogue")) == sorted(names)
    (cards[1] / "a.png").unlink()
    Image.new("L", (5, 5)).save(cards[2] / "new.png")
    assert run(cards, out, "--key", "all") == 0
    assert "all/two_card/a.png" not in made(out)
    assert {"all/one_card/a.png", "all/scans/new.png"} <= set(made(out))
    (out / "images/all/scans/new.png").unlink()
    assert main(["verify", str(out), "--repair", "--workers", "1"]) == 0
    assert "all/scans/new.png" in made(out)
    assert main(["retry", str(out), "--workers", "1", "--quiet"]) == 0


def test_the_folder_of_an_image_begins_with_its_source(cards: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = mr.Job(key="folder", edits=mr.Edits())
    mr.run(job, [str(cards[0]), cards[2]], out, workers=1, thumbnails=False)
    keys = mr.open(out).groups["key"].to_pylist()
    assert sorted(keys) == ["card", "card/trip", "scans", "scans/trip"]


def test_other_sources_are_another_job(
    cards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(cards[:2], out) == 0
    assert run(cards, out) == 1
    assert "source" in capsys.readouterr().err


def test_sources_that_contain_each_other_are_refused(
    cards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for sources in ([cards[0], cards[0] / "trip"], [cards[0], cards[0]]):
        assert run(sources, tmp_path / "out") == 1
        assert "contains the other. Leave out one of them." in capsys.readouterr().err
    assert run([cards[0], tmp_path / "nowhere"], tmp_path / "out") == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(mr.UsageError, match="needs a SOURCE"):
        mr.run(mr.Job(), [], tmp_path / "out")


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_names_on_standard_input_are_a_source_that_may_grow(
    cards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: bytes,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    here = [b"scans/a.png", b"one/card/a.png", str(tmp_path / "scans/trip/b.png").encode()]
    give(monkeypatch, end.join([*here, b""]))
    assert run([Path("-")], out, "--key", "all") == 0
    assert made(out) == ["all/one/card/a.png", "all/scans/a.png", "all/scans/trip/b.png"]
    # Without standard input, the names are those of the run.
    give(monkeypatch, b"")
    (out / "images/all/scans/a.png").unlink()
    assert main(["verify", str(out), "--repair", "--workers", "1"]) == 0
    assert len(made(out)) == 3
    give(monkeypatch, end.join([*here[:2], b"two/card/a.png", b"nowhere.png"]))
    assert run([Path("-")], out, "--key", "all") == 0
    assert made(out) == ["all/one/card/a.png", "all/scans/a.png", "all/two/card/a.png"]
    assert [row["reason"] for row in rows(out, "quarantine")] == ["vanished"]
    Image.new("L", (4, 4)).save(tmp_path / "nowhere.png")
    assert main(["retry", str(out), "--workers", "1", "--quiet"]) == 0
    assert "all/nowhere.png" in made(out)


def test_standard_input_needs_names_and_no_other_source(
    cards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, b"\n")
    assert run([Path("-")], tmp_path / "out") == 2
    assert "needs the names of images on standard input" in capsys.readouterr().err
    assert run([Path("-"), cards[0]], tmp_path / "out") == 2
    assert "there are other SOURCEs as well" in capsys.readouterr().err


def test_a_dry_run_reads_standard_input_too(
    cards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    give(monkeypatch, b"scans/a.png\n")
    assert run([Path("-")], tmp_path / "out", "--dry-run") == 0
    assert "images" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@given(st.lists(st.sampled_from("ab_/"), min_size=1, max_size=6).map("".join).map("/r{}".format))
def test_every_source_has_a_name_of_its_own(path: str) -> None:
    sources = [path, f"{path}_a", f"/a{path}", f"/b{path}", "/a_r", "/a/r", "s3://r/a"]
    labels = labels_of(sources)
    assert len(set(labels)) == len(sources)
    assert not any("/" in label or not label for label in labels)
