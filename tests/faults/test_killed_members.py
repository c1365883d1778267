"""A run whose driver is killed in the second pass over the images, after it has written outputs that
no table names yet."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.faults.dying_members import run_small
from tests.faults.states import everything, leftovers

from mrimage.commit.members import MEMBERS
from mrimage.flow import splitting

ROOT = Path(__file__).parents[2]
DIE = "import sys; from tests.faults.dying_members import run_and_die; run_and_die(*sys.argv[1:])"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(8):
        shade = np.full((8, 8, 3), 25 * number, np.uint8)
        shade[number] = 255
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shade).save(path)
    return folder


@pytest.fixture(autouse=True)
def small_and_unreported(plain_report: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # The runs of this process change it, and this sets it back.
    monkeypatch.setattr(splitting, "PIXEL_SPLIT", splitting.PIXEL_SPLIT)
    monkeypatch.setattr("mrimage.report.warm", lambda: nullcontext(lambda: None))


@pytest.mark.parametrize(("output", "is_gone"), [("webdataset", False), ("files", True)])
def test_a_run_killed_in_the_second_pass_ends_in_the_bytes_of_an_undisturbed_one(
    photos: Path, tmp_path: Path, output: str, is_gone: bool
) -> None:
    out = tmp_path / "out"
    arguments = [str(photos), str(out), output]
    command = [sys.executable, "-c", DIE, *arguments]
    killed = subprocess.run(command, cwd=ROOT, start_new_session=True)
    assert killed.returncode == -signal.SIGKILL
    (committed,) = (out / "_run" / MEMBERS).glob("*.json")
    written = committed.read_bytes()
    if is_gone:
        # Nothing writes this output again, so it must go.
        named = pq.read_table(committed.with_suffix(".outputs.parquet"))["output"].to_pylist()
        made = [path.relative_to(out).as_posix() for path in (out / "images").rglob("*.png")]
        unnamed = sorted(set(made) - set(named))
        (photos / unnamed[0].removeprefix("images/")).unlink()
    run_small(*arguments)
    run_small(str(photos), str(tmp_path / "whole"), output)
    assert everything(out) == everything(tmp_path / "whole")
    assert leftovers(out) == []
    if not is_gone:
        assert committed.read_bytes() == written
