"""Spark: the same job by the embedded engine, by mrimage on local[2], and by a plain PySpark script.

    python -m benchmarks.spark [COUNT] [ROUNDS]

Spark's own start-up is told apart: it is what is left of the command's time after the run's own phases. The last
figure is the memory of a driver that sends a million entries out.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.corpus import photographs

SIDE = 256
EDITS = ["--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg", "--no-thumbnails", "--quiet"]


def embedded(photos: Path, out: Path) -> float:
    """Seconds of the run's phases."""
    return _run(photos, out, "--workers", "2")


def spark_local(photos: Path, out: Path) -> float:
    """Likewise on Spark, its start-up left out."""
    return _run(photos, out, "--engine", "local[2]")


def _run(photos: Path, out: Path, *how: str) -> float:
    command = [sys.executable, "-m", "mrimage", "run", str(photos), str(out / "run"), *EDITS, *how]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    facts = json.loads((out / "run/_run/facts.json").read_text())
    return float(sum(phase["seconds"] for phase in facts["phases"]))


def plain_pyspark(photos: Path, out: Path) -> float:
    """binaryFile, mapInArrow and Pillow: what a first script on Spark does. It keeps no catalogue and no lineage."""
    command = [sys.executable, "-m", "benchmarks.spark", "--plain", str(photos), str(out)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return float(said.split()[-1])


def plain_script(photos: str, out: str) -> None:
    """The script; prints the seconds of its job."""
    import io

    import pyarrow as pa
    from PIL import Image, ImageOps
    from pyspark.sql import SparkSession

    def resize(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path, data in zip(batch["path"].to_pylist(), batch["content"].to_pylist(), strict=True):
                with Image.open(io.BytesIO(data)) as image:
                    small = ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
                small.save(Path(out, Path(path).name), quality=85)
            yield pa.RecordBatch.from_pydict({"images": [batch.num_rows]})

    session = SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g").getOrCreate()
    begun = time.monotonic()
    session.read.format("binaryFile").load(photos).mapInArrow(resize, "images long").agg({"images": "sum"}).collect()
    print(time.monotonic() - begun)


def driver_memory(entries: int, size: int = 2000) -> tuple[float, float, float]:
    """Seconds, and MiB at the peak of the driver's Python and of its JVM, while ``entries`` go out and come back
    as reports of tasks that do nothing."""
    import resource

    import psutil

    from mrimage.engine import Options, open_engine
    from mrimage.source import cut_splits
    from mrimage.types import Attempt, Entry, Split, TaskReport

    def nothing(split: Split, attempt: Attempt) -> TaskReport:
        return TaskReport(split.id, "map", len(split.entries), split.size, 0, 0, 0.0, 0.0, 0, attempt.worker)

    engine = open_engine("local[2]", Options())
    begun = time.monotonic()
    listed = (Entry(f"/data/photographs/{n:09}.jpg", f"{n:09}.jpg", 500_000, str(n * 7919)) for n in range(entries))
    done = sum(report.images for report in engine.run(nothing, cut_splits(listed, 1 << 62, size)))
    assert done == entries
    seconds = time.monotonic() - begun
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    children = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    jvm = max((_peak(child.pid) for child in children), default=0.0)
    engine.close()
    return seconds, own, jvm


def _peak(process: int) -> float:
    """The most memory a process has held, in MiB (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


CONTENDERS: tuple[Callable[[Path, Path], float], ...] = (embedded, spark_local, plain_pyspark)


def main(count: int = 2000, rounds: int = 1, entries: int = 1_000_000) -> None:
    """Print each contender's median seconds and its median ratio to the embedded engine."""
    photos = photographs(count)
    seconds: dict[str, list[float]] = {contender.__name__: [] for contender in CONTENDERS}
    totals: dict[str, list[float]] = {contender.__name__: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            out = Path(tempfile.mkdtemp(prefix="mrimage-bench-"))
            begun = time.monotonic()
            seconds[contender.__name__].append(contender(photos, out))
            totals[contender.__name__].append(time.monotonic() - begun)
            shutil.rmtree(out)
    print(f"{count} photographs, {rounds} rounds: median seconds of work, x embedded, seconds of the command")
    for name, taken in seconds.items():
        ratios = [mine / floor for mine, floor in zip(taken, seconds["embedded"], strict=True)]
        print(f"{name:15} {statistics.median(taken):8.1f} {statistics.median(ratios):6.2f}", end="")
        print(f" {statistics.median(totals[name]):8.1f}", flush=True)
    taken_out, own, jvm = driver_memory(entries)
    print(f"driver, {entries:,} entries: {taken_out:.1f} s, Python {own:.0f} MiB, JVM {jvm:.0f} MiB at their peaks")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain"]:
        plain_script(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
