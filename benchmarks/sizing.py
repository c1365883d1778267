"""How a run cuts a job of a given size, and how well it uses a cluster, by a simulated schedule.

    python -m benchmarks.sizing [IMAGES CORES [PER_CORE_HOUR [BYTES]]]

PER_CORE_HOUR is the number of images that one core processes in an hour, as measured by ``python -m
benchmarks.spark``; BYTES is the mean size of a file. Without arguments, prints the table of
docs/engines.md.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass

from mrimage.flow.splitting import split_limits
from mrimage.job.job import Job
from mrimage.shuffle.planning import PARTITIONS_PER_WORKER
from mrimage.types import Edits

RATE = 200_000
"""Images that one core processes in an hour."""

BYTES = 500_000
"""The mean size of a file."""

TASK_SECONDS = 0.1
"""The cost of a task besides its images: scheduling, unpacking, four small writes to a store."""

STRAGGLERS = 0.001
"""The share of tasks that take twenty times as long, because of a bad disk or a busy machine."""

RECORD_BYTES = 300
"""The size of a record in the shuffle: key, uri, name, version and numbers."""

REPORT_BYTES = 1_000
"""The size of a task's report in the driver's memory, with its strings."""


@dataclass(frozen=True)
class Case:
    """A job and its cluster.

    ``images`` files of ``size`` bytes, on ``cores`` that each process ``rate`` images an hour.
    """

    images: int
    cores: int
    rate: int = RATE
    size: int = BYTES

    @property
    def per_split(self) -> int:
        """Images in a split, by the rule for a run that reads whole images."""
        job = Job(edits=Edits())
        total_bytes = self.images * self.size
        most_bytes, most_images = split_limits(job, self.images, total_bytes, self.cores)
        return max(1, min(most_images, most_bytes // self.size))

    @property
    def splits(self) -> int:
        return -(-self.images // self.per_split)

    @property
    def task_seconds(self) -> float:
        return TASK_SECONDS + self.per_split * 3600 / self.rate

    @property
    def partitions(self) -> int:
        return self.cores * PARTITIONS_PER_WORKER

    @property
    def partition_mb(self) -> float:
        return self.images * RECORD_BYTES / self.partitions / 1e6

    @property
    def report_mb(self) -> float:
        return self.splits * REPORT_BYTES / 1e6


def simulate(case: Case, speculate: bool) -> float:
    """The hours of the map phase if each free core takes the next task.

    The duration of tasks varies by a fifth. With ``speculate`` a second attempt starts once a
    straggler has taken three times the median, and ends after one median more. That is four medians
    on one core and one on another, five in all.
    """
    chance = random.Random(1)
    free = [0.0] * case.cores
    median = case.task_seconds
    for _ in range(case.splits):
        seconds = median * chance.lognormvariate(0, 0.2)
        if chance.random() < STRAGGLERS:
            seconds *= 20
            if speculate and seconds > 4 * median:
                seconds = 5 * median
        heapq.heapreplace(free, free[0] + seconds)
    return max(free) / 3600


def describe(case: Case) -> str:
    """A row of the table."""
    ideal = case.images / case.rate / case.cores
    speculative = simulate(case, speculate=True)
    plain = simulate(case, speculate=False)
    cells = (
        f"{case.images:,}",
        f"{case.cores:,}",
        f"{case.splits:,}",
        f"{case.per_split}",
        f"{case.task_seconds:.1f} s",
        f"{speculative:.2f} h",
        f"{ideal / speculative:.0%}",
        f"{ideal / plain:.0%}",
        f"{case.partitions:,}",
        f"{case.partition_mb:.1f} MB",
        f"{case.report_mb:.0f} MB",
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| images | cores | splits | images per split | time per task | map phase "
    "| share of work | same, without speculation "
    "| partitions | records per partition | reports |"
)
CASES = (
    Case(100_000, 8),
    Case(1_000_000, 16),
    Case(10_000_000, 64),
    Case(10_000_000, 512),
    Case(100_000_000, 512),
)


def table(cases: tuple[Case, ...] = CASES) -> str:
    """A Markdown table with a row for each of ``cases``."""
    columns = HEADER.count("|") - 1
    alignment = "|" + " ---: |" * columns
    rows = [describe(case) for case in cases]
    return "\n".join([HEADER, alignment, *rows])


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    print(table((Case(*given),)) if given else table())
