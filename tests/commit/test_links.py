"""A run deletes what a run wrote, and nothing that lies elsewhere: links below OUT are not followed for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.states import everything

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import SinkError
from mrimage.flow.run import RunOptions, run
from mrimage.storage.local import LocalStore

JOB = mr.Job(key=("format",), edits=mr.Edits(resize=(8, 8)), group=("mean",))
HERE = RunOptions(workers=1, thumbnails=False)
FRESH = RunOptions(workers=1, thumbnails=False, fresh=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (20, 20), (90 * number, 0, 0)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Somebody's pictures, which links lead to."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    for name in ("one.png", "part-00000.parquet", "deep/two.png"):
        (folder / name).write_bytes(name.encode())
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def leave_unfinished(out: Path) -> None:
    """As a run that was killed after all its work leaves it, so that the next one sweeps."""
    (out / "_run/published.json").unlink()


@pytest.mark.parametrize(
    ("how", "disturb"), [(HERE, leave_unfinished), (FRESH, None), (FRESH, leave_unfinished)]
)
def test_what_lies_behind_links_stays(
    how: RunOptions,
    disturb: Callable[[Path], None] | None,
    photos: Path,
    album: Path,
    tmp_path: Path,
) -> None:
    out, before = tmp_path / "out", names(album)
    run(JOB, str(photos), str(out), HERE)
    undisturbed = everything(out)
    links = [
        out / where for where in ("images/mine", "images/png/mine", "groups/mine", "catalogue/mine")
    ]
    for link in links:
        link.symlink_to(album)
    if disturb:
        disturb(out)
    run(JOB, str(photos), str(out), how)
    assert names(album) == before
    for link in links:
        assert link.is_symlink()
        link.unlink()
    assert everything(out) == undisturbed


@pytest.mark.parametrize("folder", ["images", "groups", "catalogue"])
def test_a_folder_that_was_moved_away_and_linked_keeps_what_is_in_it(
    folder: str, photos: Path, tmp_path: Path
) -> None:
    """What a run made is somebody's archive now; the next run may add to it."""
    out, archive = tmp_path / "out", tmp_path / "archive"
    run(JOB, str(photos), str(out), HERE)
    shutil.move(out / folder, archive)
    (out / folder).symlink_to(archive)
    (archive / "mine").mkdir()
    (archive / "mine/one.jpg").write_bytes(b"mine")
    before = names(archive)
    (photos / "0.png").unlink()
    run(JOB, str(photos), str(out), HERE)
    run(JOB, str(photos), str(out), FRESH)
    assert before <= names(archive)


def test_hidden_files_and_strange_ones_of_the_catalogue_stay(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    mine = [out / "images/.git/config", out / "images/png/.notes", out / "catalogue/notes.txt"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    leave_unfinished(out)
    run(JOB, str(photos), str(out), HERE)
    run(JOB, str(photos), str(out), FRESH)
    assert [path.read_text() for path in mine] == ["mine"] * 3


@pytest.mark.parametrize(
    "link", ["_run", "_run/scratch", "_run/map", "_run/lock", "_run/facts.json"]
)
def test_a_link_in_the_state_of_a_run_is_refused_by_name(
    link: str, photos: Path, album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, before = tmp_path / "out", names(album)
    run(JOB, str(photos), str(out), HERE)
    shutil.rmtree(out / link, ignore_errors=True)
    (out / link).unlink(missing_ok=True)
    (out / link).symlink_to(album if "." not in link and "lock" not in link else album / "one.png")
    for how in (HERE, FRESH):
        with pytest.raises(
            SinkError, match=f"{link} must not be a symbolic link, but it leads to .*album"
        ):
            run(JOB, str(photos), str(out), how)
    assert names(album) == before
    assert (album / "one.png").read_bytes() == b"one.png"
    (out / link).unlink()
    if link != "_run":  # without it OUT is nobody's
        run(JOB, str(photos), str(out), FRESH)
        assert main(["verify", str(out)]) == 0


def test_a_report_is_not_written_by_way_of_a_planted_scratch_folder(
    photos: Path, album: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(JOB, str(photos), str(out), HERE)
    (out / "_run/scratch").symlink_to(album)
    album.chmod(0o500)
    changed = album.stat().st_mtime_ns
    assert main(["report", str(out)]) == 0
    assert album.stat().st_mtime_ns == changed
    album.chmod(0o700)


def test_a_store_deletes_links_and_not_what_is_behind_them(album: Path, tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path / "store"))
    store.prepare()
    root = tmp_path / "store"
    (root / "folder").symlink_to(album)
    (root / "file").symlink_to(album / "one.png")
    store.delete("folder/one.png")
    store.delete("folder/deep/two.png")
    store.delete("file")
    assert names(root) == {"folder"}
    assert (album / "one.png").exists()
    assert (album / "deep/two.png").exists()
