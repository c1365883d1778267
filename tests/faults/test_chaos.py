"""Chaos: a corpus with poison of each kind, and runs that end by SIGKILL at 25 points spread over all phases."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from tests.faults.poisons import POISONS
from tests.faults.states import everything, leftovers

from mrimage.cli.main import main

ROOT = Path(__file__).parents[2]
PROGRAM = "tests.faults.chaotic"
SOUND = 24
SEED = 4


@pytest.fixture(scope="module")
def photos() -> Iterator[Path]:
    """In memory where there is such a place: every commit waits for the disk, and that can be long."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    ) as place:
        folder = Path(place, "photos")
        folder.mkdir()
        fill(folder)
        yield folder


def fill(folder: Path) -> None:
    for number in range(SOUND):
        picture = Image.effect_noise((40, 30), 80).convert("RGB" if number % 2 else "L")
        picture.save(folder / f"{number:02}.{'png' if number % 3 else 'jpg'}")
    for kind in POISONS:
        Image.new("RGB", (20, 20)).save(folder / f"{kind}-{len(kind)}.png")


@pytest.fixture(scope="module")
def whole(photos: Path) -> Path:
    """The OUT of a run that nothing disturbed."""
    out = photos.with_name("whole")
    process = start(photos, out)
    told, _ = process.communicate(timeout=240)
    assert told.split() == [str(SOUND + len(POISONS)), str(SOUND), str(len(POISONS))]
    return out


def start(photos: Path, out: Path, *orders: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", PROGRAM, str(photos), str(out), *orders]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The run's processes: its children are asked for again and again until it has ended."""
    found: dict[int, psutil.Process] = {}
    while process.poll() is None:
        try:
            found |= {
                child.pid: child for child in psutil.Process(process.pid).children(recursive=True)
            }
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    return list(found.values())


def still_running(processes: list[psutil.Process], patience: float = 120.0) -> list[psutil.Process]:
    """Those that have not ended in time; one that ended and that nobody has asked about is a zombie."""
    end = time.monotonic() + patience
    while left := [each for each in processes if is_running(each)]:
        if time.monotonic() > end:
            return left
        time.sleep(0.05)
    return []


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def plan(chance: random.Random) -> list[list[str]]:
    """The kills of one OUT, in the order of the phases: starting and listing, mapping twice, with an image under a
    careful attempt, reducing or planning, publishing."""
    target = lambda: chance.choice(["run", "run", "group"])  # noqa: E731
    worker = [f"map-{chance.randint(1, 2)}:worker"] if chance.random() < 0.5 else []
    return [
        [f"after-{chance.uniform(0, 0.3):.3f}:{target()}"],
        [*worker, f"map-{chance.randint(1, 5)}:{target()}"],
        [f"careful:{chance.choice(['run', 'worker'])}", f"map-1:{target()}"],
        [
            chance.choice(
                [f"reduce-1:{target()}", f"reduce-1:{target()}", f"step-{chance.randint(3, 6)}"]
            )
        ],
        [f"step-{chance.randint(2, 9)}"],
    ]


@pytest.mark.parametrize("number", range(1))
def test_five_kills_lose_nothing(
    photos: Path, whole: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = everything(whole)
    out = photos.with_name(f"killed-{number}")
    for orders in plan(random.Random(SEED + number)):
        process = start(photos, out, *orders)
        started = descendants(process)
        assert process.wait(240) == -signal.SIGKILL, f"{orders} did not kill the run"
        assert still_running(started) == []
        for name, data in everything_written(out).items():
            assert expected[name] == data, f"{name} is not whole after {orders}"
    process = start(photos, out)
    told, _ = process.communicate(timeout=240)
    assert told.split() == [str(SOUND + len(POISONS)), str(SOUND), str(len(POISONS))]
    assert everything(out) == expected
    assert leftovers(out) == []
    assert main(["verify", str(out)]) == 0
    assert f"{SOUND + len(POISONS)} images accounted for" in capsys.readouterr().out


def everything_written(out: Path) -> dict[str, bytes]:
    """Outputs under their final names, before anything is published."""
    files = [
        path for top in ("images", "groups") for path in (out / top).rglob("*") if path.is_file()
    ]
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if not path.name.startswith(".mrimage")
    }


def test_every_poison_is_quarantined_for_what_it_did(whole: Path, rows) -> None:
    told = {
        str(row["uri"]).rpartition("/")[2].partition("-")[0]: row["reason"]
        for row in rows(whole, "quarantine")
    }
    assert told == POISONS
