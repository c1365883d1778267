"""What fault tolerance costs and saves, as ratios within one run.

    python -m benchmarks.faults [guard] [speculation] [again] [million] [COUNT]

guard        the deadline around each image, as a share of the time that a map task spends on it
speculation  one image whose mapper sleeps, with and without a second attempt that races it
again        the same command twice on COUNT images (100,000): the second has nothing to do
million      headers of COUNT images (1,000,000) from a store in memory, and the peaks of memory
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
from mrimage.flow.run import RunOptions, run
from mrimage.guard.deadline import deadline
from mrimage.job.job import Plan
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt

NAP = 20.0
"""Seconds for which the mapper of the straggler sleeps on its first attempt."""


def guard(count: int = 400, rounds: int = 5) -> None:
    """The cost of the guard when nothing fails, as a share of the time of a map task for an image.

    The guard is timed alone, because its cost is smaller than the difference between two runs.
    """
    clock = deadline(60.0, expendable=True)

    def guard_nothing() -> None:
        with clock:
            pass

    repeats = 10_000
    seconds = min(timeit.repeat(guard_nothing, number=repeats, repeat=rounds)) / repeats
    photos = str(photographs(2000))
    listed = list_entries(photos, Selection(), lambda path, why: None)
    entries = sorted(listed, key=lambda entry: entry.uri)[:count]
    no_limit = 1 << 62
    (split,) = cut_splits(entries, no_limit, count)
    jobs = {
        "headers": mr.Job(),
        "resize to 256x256": mr.Job(edits=mr.Edits(resize=(256, 256), format="jpeg")),
    }
    for name, job in jobs.items():
        times = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as out:
                start = time.process_time()
                map_split(Plan(job, photos, out), split, Attempt(expendable=True))
                times.append((time.process_time() - start) / count)
        whole = min(times)
        print(
            f"guard, {name}: {seconds * 1e6:.1f} of {whole * 1e6:.0f} us an image: "
            f"{seconds / whole:.2%}"
        )


def nap_once(image: mr.Image) -> Iterator[tuple[str, None]]:
    """A mapper that makes one image a straggler: its first attempt sleeps."""
    marker = Path(os.environ["MRIMAGE_BENCH_MARKER"])
    if image.uri.endswith("00007.jpg") and not marker.exists():
        marker.touch()
        time.sleep(NAP)
    yield "all", None


def speculation(count: int = 400) -> None:
    """The time that a second attempt saves when the first sleeps for NAP seconds."""
    # Run as a script, this module is __main__; workers import the mapper by its real name.
    from benchmarks import faults

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
            start = time.monotonic()
            options = RunOptions(workers=2, speculate=speculate, thumbnails=False)
            summary = run(job, str(photos), f"{folder}/out", options)
            seconds[speculate] = time.monotonic() - start
            raced = any(task.speculative for task in summary.facts.tasks)
            if (summary.processed, raced) != (count, speculate):
                raise AssertionError(
                    f"The run must process {count} images and race: {speculate}. "
                    f"It processed {summary.processed} and raced: {raced}."
                )
    saved = seconds[False] - seconds[True]
    print(
        f"speculation, one attempt that sleeps {NAP:g} s: "
        f"{seconds[True]:.1f} s with, {seconds[False]:.1f} s without: "
        f"{saved:.1f} s or {saved / seconds[False]:.0%} saved"
    )


def again(count: int = 100_000) -> None:
    """The same command twice: the cost of a run that has nothing to do."""
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
                start = time.monotonic()
                subprocess.run([*command, "--quiet", "--no-thumbnails"], check=True)
                seconds.append(time.monotonic() - start)
            first = seconds[0]
            later = statistics.median(seconds[1:])
            print(
                f"again, {count} images, {name}: {first:.1f} s, then {later:.2f} s: "
                f"{later / first:.2%}"
            )


def _small_photographs(folder: Path, count: int) -> None:
    """Write JPEG files of 96x64 pixels or a little more.

    They are small so that the first run is short.
    """
    different = 40
    for number in range(count):
        subfolder = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            subfolder.mkdir(parents=True)
        path = subfolder / f"{number:07}.jpg"
        if number < different:
            noise = Pillow.effect_noise((96 + number, 64), 60)
            noise.convert("RGB").save(path, quality=85)
        else:
            original = folder / "0000" / f"{number % different:07}.jpg"
            path.write_bytes(original.read_bytes())


def million(count: int = 1_000_000) -> None:
    """Print the time of ``count`` synthetic headers, and the peaks of memory."""
    command = [sys.executable, "-m", "benchmarks.faults", "--measure", str(count)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(ended.stdout)
    print(
        f"million, {found['images']} headers in {found['seconds']:.0f} s: "
        f"{found['driver']} MB in the driver, {found['worker']} MB in the largest worker"
    )


BENCHMARKS = {"guard": guard, "speculation": speculation, "again": again, "million": million}


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all of them. A number is the count of their images."""
    counts = [int(argument) for argument in arguments if argument.isdigit()]
    chosen = [name for name in arguments if not name.isdigit()] or list(BENCHMARKS)
    for name in chosen:
        BENCHMARKS[name](*counts)
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        # In a process of its own, so that the peaks of memory are those of the run.
        print(json.dumps(asdict(measure(int(sys.argv[2])))))
    else:
        main(sys.argv[1:])
