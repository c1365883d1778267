"""A disk that is full, a place that is read-only, too few open files: a clear error, nothing half-written, and the run
continues once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("plain_report")

MRIMAGE = f"{sys.executable} -m mrimage"
TABLES = ("groups.parquet", "outputs.parquet", "quarantine.parquet")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        Image.effect_noise((160 + number, 160), 80).convert("RGB").save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def whole(photos: Path, tmp_path: Path) -> Path:
    """OUT of a run that nothing disturbed."""
    out = tmp_path / "whole"
    subprocess.run([*MRIMAGE.split(), "run", photos, out, *OPTIONS.split()], check=True)
    return out


OPTIONS = "--format tiff --key format --group mean --no-thumbnails --workers 2 --quiet"


def contents(out: Path) -> dict[str, bytes]:
    """What a run makes, but for what tells of times."""
    tops = [out / top for top in ("images", "groups", "catalogue")]
    files = [path for top in tops for path in top.rglob("*") if path.is_file()] + [
        out / name for name in TABLES
    ]
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.is_file()}


def require_nothing_half_written(out: Path, whole: Path) -> None:
    """Every output under its final name has all of its bytes, and nothing temporary is left."""
    sound = contents(whole)
    for name, data in contents(out).items():
        assert name.startswith("catalogue") or name in TABLES or sound[name] == data
    left = [
        path for path in out.rglob("*") if path.is_file() and path.name.startswith(".mrimage-tmp")
    ]
    assert left == []
    assert not (out / "_run/scratch").exists()
    assert not (out / "_run/lock").exists()


def require_one_line(text: str, *told: str) -> None:
    """The error is one line for people."""
    assert text.startswith("mrimage: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text
    assert "unexpected" not in text
    assert any(word in text for word in told)


def in_namespace(script: str, folder: Path) -> list[str]:
    """Run a shell script as the root of a mount namespace of its own, where it may mount what ends with it; answers
    its lines."""
    command = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    try:
        subprocess.run(
            [*command, "mount", "-t", "tmpfs", "tmpfs", folder], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    done = subprocess.run(
        [*command, "sh", "-eu", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_disk_that_fills_while_images_are_written(
    photos: Path, whole: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    lines = in_namespace(
        f"""
        mount -t tmpfs -o size=1m tmpfs {disk}
        status=0; {MRIMAGE} run {photos} {disk}/out {OPTIONS} 2>{tmp_path}/said || status=$?; echo $status
        cp -r {disk}/out {tmp_path}/stopped
        mount -o remount,size=64m {disk}
        {MRIMAGE} run {photos} {disk}/out {OPTIONS}
        cp -r {disk}/out {tmp_path}/continued
        """,
        disk,
    )
    assert lines == ["1"]
    require_one_line((tmp_path / "said").read_text(), "the disk is full")
    require_nothing_half_written(tmp_path / "stopped", whole)
    assert contents(tmp_path / "continued") == contents(whole)


def test_a_disk_that_is_full_at_any_moment_of_a_run_that_grows(
    photos: Path, whole: Path, tmp_path: Path
) -> None:
    """The room is a few kilobytes more each time, so that it ends in another step: the map's commit, the reduce's, the
    tables, the report."""
    disk = tmp_path / "disk"
    disk.mkdir()
    rooms = (0, 24, 200)
    lines = in_namespace(
        f"""
        mount -t tmpfs -o size=64m tmpfs {disk}
        mv {photos}/23.png {tmp_path}
        {MRIMAGE} run {photos} {disk}/sound {OPTIONS}
        mv {tmp_path}/23.png {photos}
        for room in {" ".join(map(str, rooms))}; do
          rm -rf {disk}/out; cp -r {disk}/sound {disk}/out
          head -c ${{room}}K /dev/zero > {disk}/room; cat /dev/zero > {disk}/filler 2>/dev/null || true; rm {disk}/room
          status=0; {MRIMAGE} run {photos} {disk}/out {OPTIONS} 2>{tmp_path}/said-$room || status=$?; echo $status
          rm {disk}/filler
          cp -r {disk}/out {tmp_path}/stopped-$room
          {MRIMAGE} run {photos} {disk}/out {OPTIONS}
          cp -r {disk}/out {tmp_path}/continued-$room
        done
        """,
        disk,
    )
    assert lines[:2] == ["1", "1"]
    for room, status in zip(rooms, lines, strict=True):
        said = (tmp_path / f"said-{room}").read_text()
        if status == "1":
            require_one_line(said, "the disk is full", "No space left")
        else:
            assert (status, said) == ("0", "")
        assert contents(tmp_path / f"continued-{room}") == contents(whole)


def test_a_full_temporary_folder_is_told_as_such_and_not_as_the_reducer_s_fault(
    photos: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    lines = in_namespace(
        f"""
        mount -t tmpfs -o size=4k tmpfs {small}
        status=0; TMPDIR={small} {MRIMAGE} run {photos} {tmp_path}/out --key all --group duplicates --quiet --workers 1 \\
            2>{tmp_path}/said || status=$?; echo $status
        """,
        small,
    )
    assert lines == ["1"]
    require_one_line((tmp_path / "said").read_text(), f"Cannot work on {small}: the disk is full")


def test_a_read_only_out_is_told_in_one_line(photos: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    lines = in_namespace(
        f"""
        mount -t tmpfs -o ro tmpfs {disk}
        status=0; {MRIMAGE} run {photos} {disk}/out {OPTIONS} 2>{tmp_path}/said || status=$?; echo $status
        """,
        disk,
    )
    assert lines == ["1"]
    require_one_line((tmp_path / "said").read_text(), "the file system is read-only")


@pytest.mark.parametrize("limit", [7, 9, 12])
def test_too_few_open_files_are_no_fault_of_an_image(
    photos: Path, whole: Path, tmp_path: Path, limit: int
) -> None:
    out = tmp_path / "out"
    command = f"ulimit -n {limit}; exec {MRIMAGE} run {photos} {out} {OPTIONS}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    if done.returncode:
        assert done.returncode == 1
        require_one_line(done.stderr, "too many open files", "Too many open files")
        subprocess.run([*MRIMAGE.split(), "run", photos, out, *OPTIONS.split()], check=True)
    assert contents(out) == contents(whole)
