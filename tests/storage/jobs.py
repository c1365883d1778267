"""Small jobs that are run from and to everywhere, and what two runs of one must agree on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

import mrimage as mr
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.storage import open_store
from mrimage.types import Edits

JOB = mr.Job(
    key=("color_space",),
    extract=("content", "hash"),
    edits=Edits(resize=(40, 40), fit="cover", format="png"),
    group=("contact-sheet", "mean"),
)
HOW = RunOptions(workers=1, thumbnails=False)


def mrimage(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "mrimage", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, env={**os.environ, **(env or {})}
    )


def make_photos(folder: Path, count: int = 12) -> Path:
    """Noisy images that do not compress, in two color spaces, two folders and odd names, and two bad files."""
    folder.mkdir(parents=True)
    for number in range(count):
        noise = (
            np.random.default_rng(number)
            .integers(0, 255, (90, 120, 3 if number % 3 else 1), np.uint8)
            .squeeze()
        )
        place = folder / ("trip ü" if number % 2 else ".") / f"{number:03} #{number}.jpg"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(noise).save(place, quality=95)
    (folder / "cut.jpg").write_bytes((folder / "000 #0.jpg").read_bytes()[:900])
    (folder / "text.jpg").write_text("no image")
    (folder / "notes.txt.bak").write_text("no entry")
    return folder


def made(place: str) -> dict[str, bytes]:
    """Every image and every group output of a run, by its name."""
    store = open_store(place)
    return {
        item.path: store.read(item.path) for top in ("images", "groups") for item in store.list(top)
    }


def pack(folder: Path, shard: Path, mode: str = "w") -> Path:
    """The files of ``folder`` in a tar, in an order of chance."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    random.Random(5).shuffle(files)
    with tarfile.open(shard, mode) as tar:
        for path in files:
            tar.add(path, path.relative_to(folder).as_posix())
    return shard


def local_result(photos: Path, tmp: Path) -> dict[str, bytes]:
    """What the job makes from and to local folders."""
    run(JOB, str(photos), str(tmp / "local-out"), HOW)
    found = made(str(tmp / "local-out"))
    assert len(found) > 10
    return found
