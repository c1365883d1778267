"""Spark: the same job by the embedded engine, on local[2], on a standalone cluster, and by a plain PySpark script.

    python -m benchmarks.spark [COUNT] [ROUNDS] [ENTRIES]

COUNT photographs; every contender has two processes. A contender's seconds are those of its whole command. What Spark
takes to start is measured apart, by an application on the same master that runs two empty tasks in Python workers, and
is subtracted: the rest is work. Then what a hot key costs, and the memory of a driver that lists, plans, shuffles and
reduces ENTRIES images.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mrimage as mr
from benchmarks.corpus import photographs

SIDE = 256
EDITS = ("--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg")
CLUSTER = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_PYTHON": sys.executable,
    "PYSPARK_SUBMIT_ARGS": "--conf spark.executor.memory=512m pyspark-shell",
}


def count_images(key: str, values: Iterator[Any]) -> Iterator[mr.Output]:
    """A reducer that uses its stream up and holds nothing."""
    yield mr.Output("count.json", {"images": sum(1 for _ in values)})


NAME = "benchmarks.spark"
COUNTING = mr.Job(reduce=count_images)


def mrimage_job(photos: Path, out: Path, *how: str) -> float:
    """Seconds of a whole ``mrimage run`` into OUT/run."""
    command = ["mrimage", "run", str(photos), str(out / "run"), "--no-thumbnails", "--quiet"]
    return seconds_of(*command, *EDITS, *how)


def seconds_of(module: str, *arguments: str) -> float:
    """Seconds of ``python -m module``, from its start to its end."""
    begun = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | CLUSTER, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.monotonic() - begun


def start_script(master: str) -> None:
    """What Spark takes to start and stop with mrimage's settings, and to give two empty tasks a Python worker each."""
    from mrimage.engine import Options
    from mrimage.engine.spark.session import open_session

    session = open_session(master, Options(workers=2))
    session.context.parallelize(range(2), 2).mapPartitions(list).collect()
    session.close()


def plain_script(photos: str = "", out: str = "") -> None:
    """binaryFile, mapInPandas and Pillow: what a first script on Spark does. It keeps no catalogue and no lineage.
    Without photographs, two empty tasks."""
    import io

    import pandas as pd
    from PIL import Image, ImageOps
    from pyspark.sql import SparkSession

    def resize(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for path, data in zip(batch["path"], batch["content"], strict=True) if photos else ():
                with Image.open(io.BytesIO(data)) as image:
                    small = ImageOps.fit(
                        image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS
                    )
                small.save(Path(out, Path(path).name), quality=85)
            yield pd.DataFrame({"images": [len(batch)]})

    session = (
        SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g").getOrCreate()
    )
    images = session.read.format("binaryFile").load(photos) if photos else session.range(0, 2, 1, 2)
    images.mapInPandas(resize, "images long").agg({"images": "sum"}).collect()
    session.stop()


def driver_memory(source: Path, out: Path, master: str) -> tuple[float, float, float]:
    """Seconds, and MiB at the peak of the driver's Python and of its JVM, of a run that counts ``source`` by key."""
    import psutil

    command = [
        sys.executable,
        "-m",
        "mrimage",
        "run",
        str(source),
        str(out),
        "--job",
        f"{NAME}:COUNTING",
    ]
    begun = time.monotonic()
    driver = subprocess.Popen(
        [*command, "--engine", master, "--no-thumbnails", "--quiet"],
        stderr=subprocess.DEVNULL,
        env=os.environ | CLUSTER,
    )
    own = jvm = 0.0
    while driver.poll() is None:
        try:
            java = [
                child.pid
                for child in psutil.Process(driver.pid).children()
                if child.name() == "java"
            ]
            own, jvm = max(own, _peak(driver.pid)), max([jvm, *map(_peak, java)])
        except (psutil.Error, OSError, StopIteration):
            pass  # it ended while we looked
        time.sleep(0.2)
    if driver.returncode:
        raise RuntimeError(f"the run on {master} ended with status {driver.returncode}")
    return time.monotonic() - begun, own, jvm


def _peak(process: int) -> float:
    """The most memory a process has held, in MiB (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def many_images(folder: Path, count: int) -> Path:
    """``count`` names of tiny images in four sizes: hard links, a thousand in a folder."""
    from PIL import Image

    for number in range(count):
        if number % 50_000 == 0:  # a file system allows a file some 65,000 names
            originals = [folder.parent / f"{number}-{side}.png" for side in (2, 3, 4, 5)]
            for side, original in enumerate(originals, 2):
                Image.new("RGB", (side, side)).save(original)
        if number % 1000 == 0:
            (folder / f"{number // 1000:04}").mkdir(parents=True)
        os.link(originals[number % 4], folder / f"{number // 1000:04}" / f"{number:07}.png")
    return folder


def keyed(photos: Path, folder: Path, hot: float) -> Path:
    """Hard links to ``photos`` in a hundred folders: evenly, but for the share ``hot`` that is in the first."""
    for number, photo in enumerate(sorted(photos.iterdir())):
        place = folder / (
            "000"
            if number % 100 < 100 * hot
            else f"{number // 100 % 100 if hot else number % 100:03}"
        )
        place.mkdir(parents=True, exist_ok=True)
        os.link(photo, place / photo.name)
    return folder


def fingerprint(out: Path) -> str:
    """Names what the run published, byte for byte."""
    digest = hashlib.blake2b(digest_size=8)
    files = [
        path
        for top in ("images", "groups", "catalogue")
        for path in (out / top).rglob("*")
        if path.is_file()
    ]
    for path in sorted(
        [*files, *(out / f"{name}.parquet" for name in ("groups", "outputs", "quarantine"))]
    ):
        digest.update(
            f"{path.relative_to(out)}\0{path.stat().st_size}\0".encode() + path.read_bytes()
        )
    return digest.hexdigest()


@contextmanager
def standalone(folder: Path) -> Iterator[str]:
    """A master and two workers; its address."""
    from tests.spark.conftest import Cluster

    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.stop()


def measure_engines(photos: Path, rounds: int, master: str) -> None:
    """Print each contender's median seconds of work and of Spark's start, the median ratio of its work to the embedded
    engine's of the same round, and the images that one core does in an hour."""
    times = Times(photos)
    for _ in range(rounds):
        times.measure("embedded")
        times.measure("local[2]", "local[2]")
        times.measure("cluster", master)
        times.measure_plain()
    for name, taken in times.work.items():
        ratio = statistics.median(
            mine / floor for mine, floor in zip(taken, times.work["embedded"], strict=True)
        )
        seconds, start = statistics.median(taken), statistics.median(times.starts[name])
        hourly = round(sum(1 for _ in photos.iterdir()) * 3600 / seconds / 2, -3)
        print(
            f"{name:<14} {seconds:7.1f} s {ratio:6.2f} x embedded {hourly:9,.0f} images a core-hour",
            end="",
        )
        print(f"   and {start:4.1f} s in which Spark starts")
    same = "yes" if len(set(times.made.values())) == 1 else f"NO: {times.made}"
    print(f"the same bytes from every engine: {same}", flush=True)


class Times:
    """Seconds of work of each contender, a round each; of Spark's start before it; and what it made."""

    def __init__(self, photos: Path) -> None:
        self._photos = photos
        self.work: dict[str, list[float]] = {}
        self.starts: dict[str, list[float]] = {}
        self.made: dict[str, str] = {}

    def measure(self, name: str, master: str | None = None) -> None:
        """A run of mrimage with two processes, on ``master`` if there is one."""

        def job(out: Path) -> float:
            seconds = mrimage_job(
                self._photos, out, *(("--engine", master) if master else ()), "--workers", "2"
            )
            self.made[name] = fingerprint(out / "run")
            return seconds

        self._add(name, job, seconds_of(NAME, "--start", master) if master else 0.0)

    def measure_plain(self) -> None:
        """The plain script, which starts Spark with Spark's own settings."""
        job = lambda out: seconds_of(NAME, "--plain", str(self._photos), str(out))  # noqa: E731
        self._add("plain PySpark", job, seconds_of(NAME, "--plain"))

    def _add(self, name: str, job: Callable[[Path], float], start: float) -> None:
        with tempfile.TemporaryDirectory(prefix="mrimage-bench-", dir=self._photos.parent) as out:
            seconds = job(Path(out))
        self.starts.setdefault(name, []).append(start)
        self.work.setdefault(name, []).append(seconds - start)


def measure_skew(photos: Path, rounds: int, master: str, scratch: Path) -> None:
    """Print what 99 % of the images under one key cost, beside a hundred even keys; Spark's start is left out."""
    how = ("--key", "folder", "--engine", master, "--workers", "2")
    corpora = [keyed(photos, scratch / name, hot) for name, hot in (("even", 0.0), ("hot", 0.99))]
    ratios = []
    for number in range(rounds):
        start = seconds_of(NAME, "--start", master)
        work = {}
        for corpus in corpora[:: -1 if number % 2 else 1]:  # who goes second finds a warmer machine
            work[corpus.name] = (
                mrimage_job(corpus, scratch / f"{corpus.name}-{number}", *how) - start
            )
        ratios.append(work["hot"] / work["even"])
        print(f"even keys {work['even']:.1f} s, 99 % under one key {work['hot']:.1f} s", flush=True)
    print(f"a hot key costs {statistics.median(ratios):.2f} x even keys", flush=True)


def main(count: int = 2000, rounds: int = 1, entries: int = 1_000_000) -> None:
    """Measure everything, one after the other."""
    photos = photographs(count)
    with tempfile.TemporaryDirectory(prefix="mrimage-bench-", dir=photos.parent) as folder:
        scratch = Path(folder)
        with standalone(scratch) as master:
            print(
                f"{count} photographs to {SIDE}x{SIDE}, two processes, {rounds} interleaved rounds",
                flush=True,
            )
            measure_engines(photos, rounds, master)
            measure_skew(photos, rounds, master, scratch)
            source = many_images(scratch / "many", entries)
            seconds, own, jvm = driver_memory(source, scratch / "counted", master)
            print(
                f"{entries:,} images counted by key on the cluster: {seconds:.0f} s, {entries / seconds:.0f} a second"
            )
            print(f"the driver's peaks: Python {own:.0f} MiB, JVM {jvm:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain"]:
        plain_script(*sys.argv[2:])
    elif sys.argv[1:2] == ["--start"]:
        start_script(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
