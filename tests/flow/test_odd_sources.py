"""Sources as people have them: links in circles, pipes, folders named like images, names that nobody would choose."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import SourceError, StoreError, UsageError

Rows = Callable[[Path, str], list[dict[str, object]]]
NAMES = (
    b"-dash.jpg",
    b"new\nline.jpg",
    b"q\"u'o.jpg",
    b"<script>.jpg",
    b"not-utf8\xff.jpg",
    "日本 ü.jpg".encode(),
    b"none",
)


def test_every_odd_file_is_an_output_or_a_reason_and_nothing_is_lost(
    photos: Path, tmp_path: Path, rows: Rows
) -> None:
    odd = tmp_path / "odd"
    (odd / "folder.jpg").mkdir(parents=True)
    good = photos / "wide 1.jpg"
    shutil.copy(good, odd / "folder.jpg" / "inside.jpg")
    for name in NAMES:
        shutil.copy(good, os.fsencode(odd) + b"/" + name)
    (odd / "itself.jpg").symlink_to("itself.jpg")
    (odd / "broken.jpg").symlink_to("nowhere")
    (odd / "folder.jpg" / "up").symlink_to("..")
    (odd / "page.jpg").write_text("<!doctype html><title>404</title>")
    (odd / "zero.jpg").write_bytes(b"")
    os.mkfifo(odd / "pipe.jpg")
    summary = mr.run(
        mr.Job(edits=mr.Edits(resize=(8, 8), format="png")), odd, tmp_path / "out", workers=1
    )
    assert (summary.images, summary.processed, summary.quarantined) == (12, 8, 4)
    reasons = {
        Path(str(row["uri"])).name: row["reason"] for row in rows(tmp_path / "out", "quarantine")
    }
    assert reasons == {
        "itself.jpg": "vanished",
        "broken.jpg": "vanished",
        "page.jpg": "not-an-image",
        "zero.jpg": "empty",
    }
    outputs = [str(row["output"]) for row in rows(tmp_path / "out", "outputs")]
    assert len(set(outputs)) == 8
    assert all((tmp_path / "out" / output).is_file() for output in outputs)


def test_a_source_may_have_any_name_and_out_one_of_utf_8(photos: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    shutil.copytree(photos, odd)
    out, job = tmp_path / "out", mr.Job(edits=mr.Edits(resize=(8, 8)), group=("contact-sheet",))
    summary = mr.run(job, odd, out, workers=1, thumbnails=False)
    assert (summary.processed, summary.facts.source) == (9, f"file://{tmp_path}/caf%E9")
    assert mr.run(job, odd, out, workers=1, thumbnails=False).facts.reused == 11
    assert main(["retry", str(out), "--workers", "1", "--quiet"]) == 0
    assert main(["verify", str(out)]) == 0
    with pytest.raises(UsageError, match="The name of OUT must be valid UTF-8"):
        mr.run(job, photos, odd / "out", workers=1)


def test_places_that_are_links_in_a_circle_are_told(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        mr.run(mr.Job(), tmp_path / "circle", tmp_path / "out", workers=1)
    for out in (tmp_path / "circle", tmp_path / "circle" / "out"):
        with pytest.raises(StoreError, match=r"Cannot write .*circle"):
            mr.run(mr.Job(), photos, out, workers=1)


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        mr.run(mr.Job(), tmp_path / "pipe.jpg", tmp_path / "out", workers=1)


def test_an_out_that_is_a_file_is_refused_and_left_alone(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="file of this name"):
        mr.run(mr.Job(), photos, tmp_path / "out", workers=1)
    assert (tmp_path / "out").read_text() == "mine"
    with pytest.raises(StoreError, match="a part of its path is a file, not a folder"):
        mr.run(mr.Job(), photos, tmp_path / "out" / "sub", workers=1)


def test_a_path_that_fits_in_the_source_and_not_in_out_stops_nothing(
    photos: Path, tmp_path: Path
) -> None:
    """A path of a local file system has at most 4096 bytes, and that of OUT is the longer one."""
    source, out = tmp_path / "s", tmp_path / ("o" * 200)
    deep = source.joinpath(*["d" * 100] * ((4000 - len(str(source))) // 101))
    deep.mkdir(parents=True)
    shutil.copy(photos / "wide 1.jpg", deep / "a.jpg")
    shutil.copy(photos / "wide 2.jpg", deep / "b.jpg")
    summary = mr.run(
        mr.Job(edits=mr.Edits(resize=(8, 8))), source, out, workers=1, thumbnails=False
    )
    assert (summary.processed, summary.outputs) == (2, 2)
    assert len(list(out.glob("images/64x48/*~~*.jpg"))) == 2
