"""Local trees with everything that disks have: each file is an entry, or counted as ignored, or an error."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.errors import ImageError, SourceError, UsageError
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.source import Selection, list_entries, open_entry
from mrimage.types import Edits, Entry

Listed = tuple[dict[str, Entry], list[str]]
HOW = RunOptions(workers=1, thumbnails=False)


def listed(source: Path | str, selection: Selection = Selection()) -> Listed:  # noqa: B008 - frozen
    ignored: list[str] = []
    entries = list(list_entries(str(source), selection, lambda path, why: ignored.append(path)))
    assert len({entry.path for entry in entries}) == len(entries), "two entries of one name"
    return {entry.path: entry for entry in entries}, sorted(ignored)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    def make(*paths: str) -> Path:
        for path in paths:
            (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / path).write_bytes(path.encode("utf-8", "surrogateescape"))
        return tmp_path / "in"

    return make


def test_an_extension_or_none_makes_an_entry_and_the_rest_is_counted(
    tree: Callable[..., Path],
) -> None:
    folder = tree("a.jpg", "B.JPEG", "c.HeIc", "d3adb33f", "sub/e.webp", "notes.txt", "sub/data.json", ".hidden.jpg",
                  "_SUCCESS", "__MACOSX/._a.jpg", ".git/x.png")  # fmt: skip
    entries, ignored = listed(folder)
    assert sorted(entries) == ["B.JPEG", "a.jpg", "c.HeIc", "d3adb33f", "sub/e.webp"]
    assert ignored == [".hidden.jpg", "_SUCCESS", "notes.txt", "sub/data.json"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(include=("*.jpg",)), [".h.jpg", "a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]),
        (Selection(include=("sub/*.jpg",)), ["sub/b.jpg"]),
        (Selection(include=("sub/**/*.jpg",)), ["sub/b.jpg", "sub/deep/c.jpg"]),
        (Selection(include=("deep",)), ["sub/deep/c.jpg", "sub/deep/d.png"]),
        (Selection(include=("*.txt",)), ["t.txt"]),
        (Selection(exclude=("sub",)), ["a.jpg", "e.png"]),
        (Selection(exclude=("*.png",)), ["a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]),
        (Selection(include=("*.jpg",), exclude=("sub/deep",)), [".h.jpg", "a.jpg", "sub/b.jpg"]),
        (Selection(include=("[ab].*",)), ["a.jpg", "sub/b.jpg"]),
        (Selection(include=("[!ab].jpg",)), ["sub/deep/c.jpg"]),
        (Selection(all_files=True), [".h.jpg", "a.jpg", "e.png", "sub/b.jpg", "sub/deep/c.jpg", "sub/deep/d.png", "t.txt"]),
    ],
)  # fmt: skip
def test_patterns_choose(
    tree: Callable[..., Path], selection: Selection, expected: list[str]
) -> None:
    folder = tree(
        "a.jpg", "e.png", "t.txt", "sub/b.jpg", "sub/deep/c.jpg", "sub/deep/d.png", ".h.jpg"
    )
    assert sorted(listed(folder, selection)[0]) == expected


def test_names_of_any_bytes_are_entries_that_can_be_read(tree: Callable[..., Path]) -> None:
    names = ["-rf.jpg", "new\nline.jpg", "quote'\".jpg", "<script>.jpg", "100%25.jpg", "a:b.jpg", "back\\slash.jpg",
             "*.jpg", "x.tar!/inside.jpg", "日本.jpg", os.fsdecode(b"caf\xe9.jpg"), "caf%E9.jpg", " .jpg"]  # fmt: skip
    entries, ignored = listed(tree(*names))
    assert ignored == []
    assert {open_entry(entry).read() for entry in entries.values()} == {
        os.fsencode(name) for name in names
    }
    assert all(entry.uri.encode() and entry.path.encode() for entry in entries.values()), (
        "valid UTF-8"
    )


def test_outputs_of_odd_names_are_as_many_and_all_below_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (
        "new\nline.jpg",
        "..jpg",
        "...",
        "con.jpg",
        os.fsdecode(b"caf\xe9.jpg"),
        "caf%E9.jpg",
        "a\\..\\b.jpg",
    ):
        Image.new("RGB", (8, 8)).save(folder / name, "JPEG")
    summary = run(
        mr.Job(edits=Edits(resize=(4, 4), format="png"), include=("*",)),
        str(folder),
        str(tmp_path / "out"),
        HOW,
    )
    assert summary.processed == 7
    assert len([path for path in (tmp_path / "out/images").rglob("*") if path.is_file()]) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_links_are_followed_once_and_loops_end(tree: Callable[..., Path], tmp_path: Path) -> None:
    folder = tree("real/a.jpg", "b.jpg")
    (folder / "loop").symlink_to(folder)
    (folder / "real/up").symlink_to("..")
    (folder / "other").symlink_to("real")
    (folder / "c.jpg").symlink_to("b.jpg")
    (folder / "self.jpg").symlink_to("self.jpg")
    (folder / "nowhere.jpg").symlink_to("gone")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "d.jpg").write_bytes(b"d")
    (folder / "far").symlink_to(outside)
    entries, _ = listed(folder)
    assert sorted(entries) == [
        "b.jpg",
        "c.jpg",
        "far/d.jpg",
        "nowhere.jpg",
        "real/a.jpg",
        "self.jpg",
    ]
    summary = run(mr.Job(), str(folder), str(tmp_path / "out"), HOW)
    assert summary.images == 6
    assert summary.failures["vanished"] == 2


def test_pipes_sockets_and_empty_files_hang_nothing(
    tree: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tree("a.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "dir.jpg").mkdir()
    (folder / "dir.jpg/inside.png").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "socket.jpg"))
        entries, ignored = listed(folder)
    assert sorted(entries) == ["a.jpg", "dir.jpg/inside.png", "empty.jpg"]
    assert ignored == ["pipe.jpg", "socket.jpg"]
    assert entries["empty.jpg"].size == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_cannot_be_listed_stops_the_run(tree: Callable[..., Path]) -> None:
    folder = tree("a.jpg", "closed/b.jpg")
    (folder / "closed").chmod(0)
    try:
        with pytest.raises(
            SourceError, match=r"closed: permission denied\. Leave it out with --exclude"
        ):
            listed(folder)
    finally:
        (folder / "closed").chmod(0o700)


def test_a_source_that_is_not_there_is_reported(tmp_path: Path) -> None:
    for place in (
        tmp_path / "none",
        tmp_path / "none.tar",
        tmp_path / "none.txt",
        tmp_path / "none.jpg",
    ):
        with pytest.raises(SourceError, match="none"):
            listed(place)


def test_a_folder_may_be_named_like_a_list_or_an_archive(tree: Callable[..., Path]) -> None:
    folder = tree("x.txt/a.jpg", "y.tar/b.jpg")
    assert sorted(listed(folder / "x.txt")[0]) == ["a.jpg"]
    assert sorted(listed(folder / "y.tar")[0]) == ["b.jpg"]
    assert sorted(listed(folder)[0]) == ["x.txt/a.jpg", "y.tar/b.jpg"]


def test_credentials_in_the_source_are_refused_before_they_are_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\*\*\*"):
        run(mr.Job(), "https://me:pw@example.org/a.jpg", str(tmp_path / "out"), HOW)
    assert not (tmp_path / "out").exists()


def test_a_version_is_compared_and_never_read(tree: Callable[..., Path]) -> None:
    """Etags may hold anything, also what once reported where a member lies or what is wrong."""
    folder = tree("a.jpg")
    status = (folder / "a.jpg").stat()
    plain, _ = listed(folder)
    assert plain["a.jpg"].version == str(status.st_mtime_ns)
    for version in ("!crashed!1!no", '"3@512@0"', "missing", "weigh", "v@-1@9:9:8:0:encrypted"):
        entry = replace(plain["a.jpg"], version=version)
        with pytest.raises(ImageError) as caught:
            open_entry(entry).read()
        assert caught.value.reason == "changed", "it is a plain file of another version"
