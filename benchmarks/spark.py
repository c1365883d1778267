"""Spark: one job on the embedded engine, on local[2], on a cluster and as a plain PySpark script.

    python -m benchmarks.spark [COUNT] [ROUNDS] [ENTRIES]

All contenders process COUNT photographs with two processes. Their seconds of work are those of the
whole command without the start of Spark. The start is measured separately: an application on the
same master runs two empty tasks in Python workers. Also measures the cost of a hot key, and the
memory of a driver that lists, plans, shuffles and reduces ENTRIES images.
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
    """A reducer that reads all of its values and keeps none."""
    yield mr.Output("count.json", {"images": sum(1 for _ in values)})


NAME = "benchmarks.spark"
COUNTING = mr.Job(reduce=count_images)


def mrimage_job(photos: Path, out: Path, *options: str) -> float:
    """The seconds of a whole ``mrimage run`` into ``out``/run."""
    command = ["mrimage", "run", str(photos), str(out / "run"), "--no-thumbnails", "--quiet"]
    return seconds_of(*command, *EDITS, *options)


def seconds_of(module: str, *arguments: str) -> float:
    """The seconds of ``python -m module``, from start to end."""
    start = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | CLUSTER
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    return time.monotonic() - start


def start_script(master: str) -> None:
    """Start Spark with mrimage's settings, run two empty tasks in Python workers, and stop."""
    from mrimage.engine import EngineOptions
    from mrimage.engine.spark.session import open_session

    session = open_session(master, EngineOptions(workers=2))
    session.context.parallelize(range(2), 2).mapPartitions(list).collect()
    session.close()


def plain_script(photos: str = "", out: str = "") -> None:
    """A simple script for Spark, with binaryFile, mapInPandas and Pillow.

    It keeps no catalogue and no lineage. Without photographs, it runs two empty tasks.
    """
    import io

    import pandas as pd
    from PIL import Image, ImageOps
    from pyspark.sql import SparkSession

    def resize(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            if photos:
                for path, data in zip(batch["path"], batch["content"], strict=True):
                    resize_one(path, data)
            yield pd.DataFrame({"images": [len(batch)]})

    def resize_one(path: str, data: bytes) -> None:
        with Image.open(io.BytesIO(data)) as image:
            small = ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
        small.save(Path(out, Path(path).name), quality=85)

    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g")
    session = builder.getOrCreate()
    two_rows = session.range(0, 2, 1, 2)
    images = session.read.format("binaryFile").load(photos) if photos else two_rows
    images.mapInPandas(resize, "images long").agg({"images": "sum"}).collect()
    session.stop()


def driver_memory(source: Path, out: Path, master: str) -> tuple[float, float, float]:
    """The cost of a run that counts the images of ``source`` by key.

    Seconds, then the peak memory of the driver's Python and of its JVM, in MiB.
    """
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
    start = time.monotonic()
    driver = subprocess.Popen(
        [*command, "--engine", master, "--no-thumbnails", "--quiet"],
        stderr=subprocess.DEVNULL,
        env=os.environ | CLUSTER,
    )
    python_peak = 0.0
    jvm_peak = 0.0
    while driver.poll() is None:
        try:
            python_peak = max(python_peak, _peak(driver.pid))
            for child in psutil.Process(driver.pid).children():
                if child.name() == "java":
                    jvm_peak = max(jvm_peak, _peak(child.pid))
        except (psutil.Error, OSError, StopIteration):
            pass  # A process ended between two of these calls.
        time.sleep(0.2)
    if driver.returncode:
        raise RuntimeError(f"The run on {master} ended with status {driver.returncode}.")
    return time.monotonic() - start, python_peak, jvm_peak


def _peak(pid: int) -> float:
    """The peak memory of a process, in MiB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def many_images(folder: Path, count: int) -> Path:
    """Fill ``folder`` with ``count`` hard links to tiny images, 1,000 in a subfolder."""
    for number in range(count):
        if number % 50_000 == 0:  # ext4 allows a file 65,000 links.
            originals = _four_images(folder.parent, number)
        subfolder = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            subfolder.mkdir(parents=True)
        os.link(originals[number % 4], subfolder / f"{number:07}.png")
    return folder


def _four_images(folder: Path, number: int) -> list[Path]:
    from PIL import Image

    paths = []
    for side in (2, 3, 4, 5):
        path = folder / f"{number}-{side}.png"
        Image.new("RGB", (side, side)).save(path)
        paths.append(path)
    return paths


def keyed(photos: Path, folder: Path, hot: float) -> Path:
    """Hard links to ``photos`` in a hundred subfolders of ``folder``, whose names become the keys.

    The share ``hot`` of the photographs, 0..1, is in the first subfolder, and the others are spread
    evenly.
    """
    for number, photo in enumerate(sorted(photos.iterdir())):
        subfolder = folder / f"{_key_number(number, hot):03}"
        subfolder.mkdir(parents=True, exist_ok=True)
        os.link(photo, subfolder / photo.name)
    return folder


def _key_number(number: int, hot: float) -> int:
    if number % 100 < 100 * hot:
        return 0
    if hot:
        return number // 100 % 100
    return number % 100


def fingerprint(out: Path) -> str:
    """A digest of the names and bytes of all results of a run."""
    digest = hashlib.blake2b(digest_size=8)
    files = [out / f"{name}.parquet" for name in ("groups", "outputs", "quarantine")]
    for top in ("images", "groups", "catalogue"):
        files += [path for path in (out / top).rglob("*") if path.is_file()]
    for path in sorted(files):
        head = f"{path.relative_to(out)}\0{path.stat().st_size}\0"
        digest.update(head.encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def standalone(folder: Path) -> Iterator[str]:
    """Run a Spark master and two workers, and yield the URL of the master."""
    from tests.spark.conftest import Cluster

    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.stop()


def measure_engines(photos: Path, rounds: int, master: str) -> None:
    """Print a line for each contender.

    The medians of its seconds of work, of its ratio to the embedded engine in each round, and of
    the seconds in which Spark starts; and the images that one core processes in an hour.
    """
    times = Times(photos)
    for _ in range(rounds):
        times.measure("embedded")
        times.measure("local[2]", "local[2]")
        times.measure("cluster", master)
        times.measure_plain()
    count = sum(1 for _ in photos.iterdir())
    for name, work in times.work.items():
        ratios = [
            own / embedded for own, embedded in zip(work, times.work["embedded"], strict=True)
        ]
        ratio = statistics.median(ratios)
        seconds = statistics.median(work)
        start = statistics.median(times.starts[name])
        hourly = round(count * 3600 / seconds / 2, -3)
        print(
            f"{name:<14} {seconds:7.1f} s {ratio:6.2f} x embedded {hourly:9,.0f} images a core-hour"
            f"   and {start:4.1f} s in which Spark starts"
        )
    fingerprints = times.fingerprints
    same = "yes" if len(set(fingerprints.values())) == 1 else f"NO: {fingerprints}"
    print(f"the same bytes from every engine: {same}", flush=True)


class Times:
    """The seconds of each contender's work and of Spark's start by round, and its results."""

    def __init__(self, photos: Path) -> None:
        self._photos = photos
        self.work: dict[str, list[float]] = {}
        self.starts: dict[str, list[float]] = {}
        self.fingerprints: dict[str, str] = {}

    def measure(self, name: str, master: str | None = None) -> None:
        """Measure a run of mrimage with two processes, on the Spark ``master`` if given."""
        engine = ("--engine", master) if master else ()

        def job(out: Path) -> float:
            seconds = mrimage_job(self._photos, out, *engine, "--workers", "2")
            self.fingerprints[name] = fingerprint(out / "run")
            return seconds

        start = seconds_of(NAME, "--start", master) if master else 0.0
        self._add(name, job, start)

    def measure_plain(self) -> None:
        """Measure the plain script, which starts Spark with Spark's own settings."""

        def job(out: Path) -> float:
            return seconds_of(NAME, "--plain", str(self._photos), str(out))

        self._add("plain PySpark", job, seconds_of(NAME, "--plain"))

    def _add(self, name: str, job: Callable[[Path], float], start: float) -> None:
        with tempfile.TemporaryDirectory(prefix="mrimage-bench-", dir=self._photos.parent) as out:
            seconds = job(Path(out))
        self.starts.setdefault(name, []).append(start)
        self.work.setdefault(name, []).append(seconds - start)


def measure_skew(photos: Path, rounds: int, master: str, scratch: Path) -> None:
    """Print the cost of 99 % of the images under one key, beside a hundred even keys.

    Spark's start is left out.
    """
    options = ("--key", "folder", "--engine", master, "--workers", "2")
    even = keyed(photos, scratch / "even", 0.0)
    hot = keyed(photos, scratch / "hot", 0.99)
    ratios = []
    for number in range(rounds):
        start = seconds_of(NAME, "--start", master)
        work = {}
        # The second of two runs finds warm caches, so the order alternates.
        for folder in (hot, even) if number % 2 else (even, hot):
            seconds = mrimage_job(folder, scratch / f"{folder.name}-{number}", *options)
            work[folder.name] = seconds - start
        ratios.append(work["hot"] / work["even"])
        print(f"even keys {work['even']:.1f} s, 99 % under one key {work['hot']:.1f} s", flush=True)
    print(f"a hot key costs {statistics.median(ratios):.2f} x even keys", flush=True)


def main(count: int = 2000, rounds: int = 1, entries: int = 1_000_000) -> None:
    """Measure everything in turn."""
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
            seconds, python_peak, jvm_peak = driver_memory(source, scratch / "counted", master)
            print(
                f"{entries:,} images counted by key on the cluster: "
                f"{seconds:.0f} s, {entries / seconds:.0f} a second"
            )
            print(f"the driver's peaks: Python {python_peak:.0f} MiB, JVM {jvm_peak:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain"]:
        plain_script(*sys.argv[2:])
    elif sys.argv[1:2] == ["--start"]:
        start_script(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
