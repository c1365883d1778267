"""What safety costs and saves, as ratios within one run.

    python -m benchmarks.faults [guard] [speculation] [again] [million] [COUNT]

guard        the deadline around each image, beside what a map task spends on one
speculation  one image that sleeps, with and without a second attempt racing it
again        the same command twice on COUNT images (100,000): the second finds nothing to do
million      headers of COUNT images (1,000,000) from a store in memory: the memory of the largest process
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image as Pillow

import mrimage as mr
from benchmarks.corpus import photographs
from benchmarks.synthetic import measure
from mrimage.flow.run import How, run
from mrimage.guard.deadline import deadline
from mrimage.job.job import Plan
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt

NAP = 20.0
"""Seconds that the straggler sleeps on its first attempt."""


def guard(count: int = 400, rounds: int = 5) -> None:
    """The cost of the guard in the good case: what it adds to each image, as a share of what a map task spends on one.

    Timed by itself, for beside a whole task it is smaller than what two runs of the same differ by.
    """
    clock = deadline(60.0, expendable=True)

    def alone() -> None:
        with clock:
            pass

    seconds = min(timeit.repeat(alone, number=10_000, repeat=rounds)) / 10_000
    photos = str(photographs(2000))
    entries = sorted(
        list_entries(photos, Selection(), lambda path: None), key=lambda entry: entry.uri
    )[:count]
    (split,) = cut_splits(entries, 1 << 62, count)
    jobs = {
        "headers": mr.Job(),
        "resize to 256x256": mr.Job(edits=mr.Edits(resize=(256, 256), format="jpeg")),
    }
    for name, job in jobs.items():
        spent = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as out:
                begun = time.process_time()
                map_split(Plan(job, photos, out), split, Attempt(expendable=True))
                spent.append((time.process_time() - begun) / count)
        print(
            f"guard, {name}: {seconds * 1e6:.1f} of {min(spent) * 1e6:.0f} us an image: {seconds / min(spent):.2%}"
        )


def nap_once(image: mr.Image) -> Iterator[tuple[str, None]]:
    """A mapper for which one image is a straggler: its first attempt sleeps."""
    marker = Path(os.environ["MRIMAGE_BENCH_MARKER"])
    if image.uri.endswith("00007.jpg") and not marker.exists():
        marker.touch()
        time.sleep(NAP)
    yield "all", None


def speculation(count: int = 400) -> None:
    """The time that racing saves when one attempt sleeps for NAP seconds."""
    from benchmarks import faults  # by this name the workers know the mapper

    photos = photographs(2000)
    job = mr.Job(
        map=faults.nap_once,
        edits=mr.Edits(resize=(256, 256)),
        include=("000*", "001*", "002*", "003*"),
    )
    seconds = {}
    for speculate in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["MRIMAGE_BENCH_MARKER"] = f"{folder}/marker"
            begun = time.monotonic()
            how = How(workers=2, speculate=speculate, thumbnails=False)
            summary = run(job, str(photos), f"{folder}/out", how)
            seconds[speculate] = time.monotonic() - begun
            raced = any(task.speculative for task in summary.facts.tasks)
            if (summary.processed, raced) != (count, speculate):
                raise AssertionError(f"{summary.processed} images, raced: {raced}")
    saved = seconds[False] - seconds[True]
    print(
        f"speculation, one attempt that sleeps {NAP:g} s: {seconds[True]:.1f} s with, {seconds[False]:.1f} s without: "
        f"{saved:.1f} s or {saved / seconds[False]:.0%} saved"
    )


def again(count: int = 100_000) -> None:
    """The same command twice: what a run costs that finds nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        _small_photographs(Path(folder, "photos"), count)
        for name, options in (("resize to 32x32", ["--resize", "32x32"]), ("headers only", [])):
            command = [
                sys.executable,
                "-m",
                "mrimage",
                "run",
                f"{folder}/photos",
                f"{folder}/{name}",
                *options,
            ]
            seconds = []
            for _ in range(4):
                begun = time.monotonic()
                subprocess.run([*command, "--quiet", "--no-thumbnails"], check=True)
                seconds.append(time.monotonic() - begun)
            second = statistics.median(seconds[1:])
            print(
                f"again, {count} images, {name}: {seconds[0]:.1f} s, then {second:.2f} s: {second / seconds[0]:.2%}"
            )


def _small_photographs(folder: Path, count: int) -> None:
    """JPEG files of 96x64 pixels and more: as small as images get, so that the first run is as short as it can be."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04}").mkdir(parents=True)
        path = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
        if number < 40:
            Pillow.effect_noise((96 + number, 64), 60).convert("RGB").save(path, quality=85)
        else:
            path.write_bytes((folder / "0000" / f"{number % 40:07}.jpg").read_bytes())


def million(count: int = 1_000_000) -> None:
    """Headers of ``count`` synthetic images; memory in MB of the driver and of its largest worker."""
    command = [sys.executable, "-m", "benchmarks.faults", "--measure", str(count)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"million, {found['images']} headers in {found['seconds']:.0f} s: {found['driver']} MB in the driver, "
        f"{found['worker']} MB in the largest of its workers"
    )


BENCHMARKS = {"guard": guard, "speculation": speculation, "again": again, "million": million}


def main(arguments: list[str]) -> None:
    """Run the benchmarks that are named, or all; a number is how many images they take."""
    counts = [int(argument) for argument in arguments if argument.isdigit()]
    chosen = [name for name in arguments if not name.isdigit()] or list(BENCHMARKS)
    for name in chosen:
        BENCHMARKS[name](*counts)
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(
            json.dumps(asdict(measure(int(sys.argv[2]))))
        )  # from a process that has done nothing else
    else:
        main(sys.argv[1:])
