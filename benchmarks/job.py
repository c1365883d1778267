"""A whole job, with groups, catalogue and report, beside loops that only resize to 256x256 JPEG.

    python -m benchmarks.job [COUNT] [ROUNDS]

All contenders read the same files with two processes. Rounds are interleaved, because machines are
noisy, and each round compares to its own bare loop.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.corpus import photographs

SIDE = 256


def bare_loop(photos: Path, out: Path) -> None:
    """Two processes that call the kernel and write files.

    No catalogue, no lineage, no atomic commits, no report.
    """
    files = sorted(photos.iterdir())
    command = [sys.executable, "-m", "benchmarks.job", "--bare", str(out)]
    processes = [
        subprocess.Popen([*command, *map(str, half)]) for half in (files[::2], files[1::2])
    ]
    statuses = [process.wait() for process in processes]
    assert not any(statuses)


def bare_process(out: str, files: list[str]) -> None:
    """What each process of the bare loop runs."""
    from mrimage.image import Image
    from mrimage.storage import open_uri
    from mrimage.types import Edits

    edits = Edits(resize=(SIDE, SIDE), fit="cover", format="jpeg")
    for file in files:
        result = Image(open_uri(file)).edited(edits)
        Path(out, Path(file).name).write_bytes(result.data)


def mrimage_job(photos: Path, out: Path) -> None:
    """The command, as a user types it."""
    command = [
        sys.executable,
        "-m",
        "mrimage",
        "run",
        str(photos),
        str(out / "run"),
        "--workers",
        "2",
        "--quiet",
    ]
    subprocess.run(
        [*command, "--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg"], check=True
    )


def vipsthumbnail(photos: Path, out: Path) -> None:
    """libvips' own command, in two processes at a time."""
    command = f"vipsthumbnail --vips-concurrency=1 -s {SIDE}x{SIDE} -m centre -o {out}/%s.jpg[Q=85]"
    files = "\0".join(str(path) for path in sorted(photos.iterdir()))
    subprocess.run(
        ["xargs", "-0", "-P2", "-n50", *command.split()], input=files.encode(), check=True
    )


def pillow_pool(photos: Path, out: Path) -> None:
    """Pillow in a process pool without draft mode, as in most scripts."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_pillow_one, out), sorted(photos.iterdir()), chunksize=20))


def _pillow_one(out: Path, path: Path) -> None:
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        small = ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
        small.save(out / path.name, quality=85)


CONTENDERS: tuple[Callable[[Path, Path], None], ...] = (
    bare_loop,
    mrimage_job,
    vipsthumbnail,
    pillow_pool,
)


def main(count: int = 2000, rounds: int = 3) -> None:
    """Print each contender's median seconds and its median ratio to the bare loop."""
    photos = photographs(count)
    seconds: dict[str, list[float]] = {contender.__name__: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            with tempfile.TemporaryDirectory() as folder:
                start = time.monotonic()
                contender(photos, Path(folder))
                seconds[contender.__name__].append(time.monotonic() - start)
    print(f"{count} photographs to {SIDE}x{SIDE}, {rounds} interleaved rounds")
    for name, times in seconds.items():
        if name == "vipsthumbnail" and not shutil.which(name):
            continue
        ratios = [own / bare for own, bare in zip(times, seconds["bare_loop"], strict=True)]
        median = statistics.median(times)
        ratio = statistics.median(ratios)
        print(f"{name:<16} {median:7.2f} s   {ratio:5.2f} x the bare loop")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        bare_process(sys.argv[2], sys.argv[3:])
    else:
        main(*map(int, sys.argv[1:]))
