"""How a job of a given size is cut, and what that does to a cluster: arithmetic, and a simulated schedule.

    python -m benchmarks.sizing [IMAGES CORES [PER_CORE_HOUR [BYTES]]]

PER_CORE_HOUR images are handled by one core in an hour (measured by ``python -m benchmarks.spark``), BYTES is the mean
size of a file. Without arguments, the table of docs/engines.md.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass

from mrimage.flow.run import split_limits
from mrimage.job.job import Job
from mrimage.shuffle.planning import PARTITIONS_PER_WORKER
from mrimage.types import Edits

RATE = 200_000
BYTES = 500_000
TASK_SECONDS = 0.1
"""What a task costs besides its images: scheduling, unpacking, four small writes to a store."""

STRAGGLERS = 0.001
"""Share of tasks that meet a bad disk or a busy machine, and take twenty times as long."""

RECORD_BYTES = 300
"""A record of the shuffle: key, uri, name, version and the numbers."""

REPORT_BYTES = 1_000
"""A task's report in the driver's memory, with its strings."""


@dataclass(frozen=True)
class Case:
    """``images`` of ``size`` bytes each on ``cores``, each of which handles ``rate`` images an hour."""

    images: int
    cores: int
    rate: int = RATE
    size: int = BYTES

    @property
    def per_split(self) -> int:
        """Images of a split, by the rule of a run that reads whole images."""
        most_bytes, most = split_limits(
            Job(edits=Edits()), self.images, self.images * self.size, self.cores
        )
        return max(1, min(most, most_bytes // self.size))

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
    """Hours of the map phase when free cores take the next task.

    A task's duration spreads by a fifth. With ``speculate`` a straggler is raced by a second attempt once it has
    taken three times the median, and so ends after four; it occupies two cores for one of them.
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
    """One row of the table."""
    ideal = case.images / case.rate / case.cores
    with_, without = (simulate(case, speculate) for speculate in (True, False))
    return (
        f"| {case.images:,} | {case.cores:,} | {case.splits:,} | {case.per_split} | {case.task_seconds:.1f} s "
        f"| {with_:.2f} h | {ideal / with_:.0%} | {ideal / without:.0%} "
        f"| {case.partitions:,} | {case.partition_mb:.1f} MB | {case.report_mb:.0f} MB |"
    )


HEADER = (
    "| images | cores | splits | images a split | a task | map phase | of it work | without speculation "
    "| partitions | records a partition | reports |"
)
CASES = (
    Case(100_000, 8),
    Case(1_000_000, 16),
    Case(10_000_000, 64),
    Case(10_000_000, 512),
    Case(100_000_000, 512),
)


def table(cases: tuple[Case, ...] = CASES) -> str:
    """The rows of ``cases`` under their heading, in Markdown."""
    return "\n".join([HEADER, "|" + " ---: |" * (HEADER.count("|") - 1), *map(describe, cases)])


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    print(table((Case(*given),)) if given else table())
