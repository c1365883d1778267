"""What rules by key and standard sizes cost: processor time of a job with them over one without.

    python -m benchmarks.rules [COUNT] [ROUNDS]

Each contender maps and publishes the same photographs in one process, to results of the same size. Rounds are
interleaved, and each compares to its own plain job. Rules should cost at most 1.03 times the plain job, and sizes
at most 1.02.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import mrimage as mr
from benchmarks.corpus import photographs

EDITS = mr.Edits(resize=(256, 256), fit="cover", format="jpeg")

RULES = [
    mr.Rule("cmyk*", to="srgb", quality=85),
    mr.Rule("gray*", quality=85),
    mr.Rule("*,square", quality=85),
    mr.Rule("display-p3,[lp]*", to="srgb"),
    mr.Rule("*,upside-down", skip=True),
]

SIZES = [(256, 256), *((256 - step, 256 + step) for step in range(-20, 20) if step)]
"""As many sizes as SDXL has, all of about the area of the plain job's, so that the results cost the same."""

KEY = ("color_space", "orientation")

CONTENDERS = {
    "plain": mr.Job(key=KEY, edits=EDITS),
    "five rules": mr.Job(key=KEY, edits=EDITS, rules=RULES),
    "forty sizes": mr.Job(
        key=KEY, edits=mr.Edits(resize=SIZES, fit=EDITS.fit, format=EDITS.format)
    ),
}


def processor_seconds(job: mr.Job, photos: Path) -> float:
    """Seconds of this process for one run, without the report's pictures."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        mr.run(job, photos, Path(folder, "out"), workers=1, thumbnails=False)
        return time.process_time() - start


def main(count: int = 1000, rounds: int = 5) -> None:
    """Print each contender's median seconds and its median ratio to the plain job."""
    photos = photographs(count)
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    processor_seconds(CONTENDERS["plain"], photos)  # imports and caches are not counted
    for _ in range(rounds):
        for name, job in CONTENDERS.items():
            seconds[name].append(processor_seconds(job, photos))
    print(f"{count} photographs, {rounds} interleaved rounds, processor time")
    for name, times in seconds.items():
        ratios = [own / plain for own, plain in zip(times, seconds["plain"], strict=True)]
        median = statistics.median(times)
        print(f"{name:<16} {median:7.2f} s   {statistics.median(ratios):5.3f} x the plain job")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
