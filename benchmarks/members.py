"""Group corrections in two passes beside the plain resize job, in processor time.

    python -m benchmarks.members [COUNT] [ROUNDS]
    python -m benchmarks.members --million

The first form runs both jobs on the same photographs, 256x256 JPEG, in rounds that alternate. The second
merges the statistics of one group of a million made images, plans its second pass, and prints the most
memory that the process has held.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.corpus import photographs

SIDE = 256
METHODS = ("match-group", "match-histogram", "exposure-group", "deflicker")
MILLION = 1_000_000


def processor_seconds(photos: Path, out: Path, *options: str) -> float:
    """The processor time of a run with one worker process, without its report's thumbnails."""
    command = [sys.executable, "-m", "mrimage", "run", str(photos), str(out), "--workers", "1"]
    edits = ["--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, "--key", "all", *edits, "--quiet", "--no-thumbnails", *options], check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(count: int = 2000, rounds: int = 3) -> None:
    """Print each method's median ratio to the plain job."""
    photos = photographs(count)
    ratios: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain = processor_seconds(photos, Path(folder, "plain"))
            for method in METHODS:
                own = processor_seconds(photos, Path(folder, method), "--correct", method)
                ratios[method].append(own / plain)
    print(f"{count} photographs to {SIDE}x{SIDE}, {rounds} rounds, processor time")
    for method, found in ratios.items():
        print(f"{method:<16} {statistics.median(found):5.2f} x the plain job")


def million(method: str) -> None:
    """Merge the statistics of a made group of MILLION images, and plan its second pass."""
    import numpy as np
    import pyarrow.parquet as pq

    from mrimage.commit.task_writer import peak_memory
    from mrimage.flow.members_plan import MembersPlan
    from mrimage.image.group.frame import Frame
    from mrimage.image.group.methods import METHODS as FORMULAS
    from mrimage.job.job import Job
    from mrimage.shuffle.values import encode_value
    from mrimage.storage import open_store
    from mrimage.tasks.statistics import MemberStatistic, StatisticsWriter
    from mrimage.types import Edits, Entry

    job = Job(edits=Edits(correct=method))
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(64)]
    values = [encode_value(FORMULAS[method].of(Frame(frame, "srgb", 65_536))) for frame in frames]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder, create=True)
        parts = []
        for start in range(0, MILLION, 2_000):
            writer = StatisticsWriter(lambda *_: None)
            for number in range(start, start + 2_000):
                entry = Entry(f"/photos/{number:07}.jpg", f"{number:07}.jpg", 1_000_000, "1")
                value = values[number % len(values)]
                rank = f"2024 {number:07}" if method == "deflicker" else ""
                writer.add(entry, [MemberStatistic("all", method, value, rank)])
            (table,) = writer.rest().values()
            path = Path(folder, f"{start:032}.statistics-00000.parquet")
            pq.write_table(table, path, compression="zstd")
            parts.append(str(path))
        made = peak_memory()
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        plan = MembersPlan(job, store, scratch, lambda: None)
        images = plan.make(parts)
        tasks = sum(1 for _ in plan.splits(parts))
    held = peak_memory()
    print(f"{method}: {images} images, {tasks} tasks; {held / 1e6:.0f} MB, {made / 1e6:.0f} before")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--million"]:
        for name in sys.argv[2:] or METHODS:
            million(name)
    else:
        main(*map(int, sys.argv[1:]))
