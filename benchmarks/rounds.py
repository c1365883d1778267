"""What an iteration costs by itself: plan, commit and start of a round, for a table of many records.

    python -m benchmarks.rounds 100000

Two programs run over the same records, on one worker and on two. ``kmeans`` combines the records of
its mapper, so that few of them are shuffled; ``labels`` shuffles all of them and leaves a table as
large as its input. A round's own cost is the processor time of the driver without the tasks, which
read, map, sort and write records. The first round includes the imports.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import mrimage as mr
from mrimage.commit.task_writer import TaskWriter
from mrimage.engine import EngineOptions, Task, TaskFunction, open_engine
from mrimage.engine.local import Inline
from mrimage.flow.budget import Budget
from mrimage.flow.execution import Execution
from mrimage.flow.programs import drive
from mrimage.flow.progress import Silent
from mrimage.flow.rounds import RoundRunner
from mrimage.flow.tables import Tables
from mrimage.job.job import Plan
from mrimage.patterns import programs_of
from mrimage.shuffle.records import Spill, make_records
from mrimage.sink.files import FileSink
from mrimage.storage import open_store
from mrimage.types import Attempt, Entry, TaskReport

PER_SPLIT = 2_000
"""Records of a split of map, as in a run that reads headers only."""

ROUNDS = 5

Pairs = Iterator[tuple[str, Any]]
Program = Generator[mr.Round, mr.Table, None]


def nearest(key: str, vector: list[int], centers: list[list[int]]) -> Pairs:
    distances = [sum((a - b) ** 2 for a, b in zip(vector, c, strict=True)) for c in centers]
    yield str(distances.index(min(distances))), [1, vector]


def add(key: str, values: Iterable[Any]) -> Iterator[Any]:
    count = 0
    total = [0, 0, 0]
    for number, vector in values:
        count += number
        total = [a + b for a, b in zip(total, vector, strict=True)]
    yield [count, total]


def mean(key: str, values: Iterator[Any], side: object) -> Pairs:
    for count, total in add(key, values):
        yield key, [value // count for value in total]


def kmeans(table: mr.Table) -> Program:
    centers = [[40 * number, 90, 200 - 40 * number] for number in range(5)]
    for _ in range(ROUNDS):
        found = yield mr.Round(table, nearest, mean, combine=add, side=centers)
        moved = dict(found)
        centers = [moved.get(str(number), center) for number, center in enumerate(centers)]


def pass_on(key: str, value: Any, step: int) -> Pairs:
    yield key, value


def first(key: str, values: Iterator[Any], step: int) -> Pairs:
    yield key, next(values)


def labels(table: mr.Table) -> Program:
    for step in range(ROUNDS):
        table = yield mr.Round(table, pass_on, first, side=step)


def commit_records(out: Path, records: int) -> None:
    """Commit records as map would: one vector an image."""
    store = open_store(str(out), create=True)
    for start in range(0, records, PER_SPLIT):
        split = f"split-{start:08}"
        writer = TaskWriter(store, FileSink(store), "map", split, Attempt())
        spill = Spill(None, writer.table)
        for number in range(start, min(start + PER_SPLIT, records)):
            name = f"{number:08}.jpg"
            entry = Entry(f"/photos/{name}", name, 10, "v1")
            vector = [number * 7 % 256, number * 13 % 256, number * 29 % 256]
            spill.add(make_records(entry, 100, iter([(entry.uri, vector)])))
        writer.commit(0, 0, spill.rest())


def map_nothing(image: mr.Image) -> Pairs:
    yield "", None


class Timed(Inline):
    """The engine of one process, which knows the processor time of its tasks."""

    in_tasks = 0.0

    def _run_task(self, function: TaskFunction, task: Task) -> TaskReport:
        begun = time.process_time()
        try:
            return super()._run_task(function, task)
        finally:
            self.in_tasks += time.process_time() - begun


class TimedRunner(RoundRunner):
    """Prints what each round costs: processor seconds of this process, and wall seconds."""

    def run(self, round_: mr.Round) -> mr.Table:
        begun = time.monotonic()
        begun_processor = time.process_time() - self._in_tasks
        table = super().run(round_)
        own = time.process_time() - self._in_tasks - begun_processor
        seconds = time.monotonic() - begun
        print(
            f"{round_.reduce.__name__:6} {self.engine.workers} workers: own cost {own:.2f} s of "
            f"the processor; {seconds:.2f} s with its tasks; {len(table)} records",
            flush=True,
        )
        return table

    @property
    def _in_tasks(self) -> float:
        return getattr(self.engine, "in_tasks", 0.0)


def measure(folder: Path, program: Any, workers: int, records: int) -> None:
    """Print the cost of each round of the program."""
    out = folder / f"{program.__name__}-{workers}"
    commit_records(out, records)
    store = open_store(str(out))
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    plan = Plan(mr.Job(map=map_nothing), "/photos", str(out))
    execution = Execution(store, scratch, Budget(), Silent(), "")
    tables = Tables(store, scratch, plan.job)
    options = EngineOptions(workers=workers)
    engine = Timed(options) if workers == 1 else open_engine("local", options)
    runner = TimedRunner(plan, store, engine, scratch, execution, tables, lambda: None)
    (named,) = programs_of(mr.Job(program=program))
    try:
        drive(named, tables.mapped(), runner)
    finally:
        engine.close()


def main(records: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            for program in (kmeans, labels):
                measure(Path(folder), program, workers, records)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
