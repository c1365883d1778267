"""Rounds without a source: records are committed as map would commit them, and a program runs over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mrimage as mr
from mrimage.commit.task_writer import TaskWriter
from mrimage.engine import Engine, EngineOptions, Task, TaskFunction
from mrimage.engine.local import Inline
from mrimage.flow.budget import Budget
from mrimage.flow.execution import Execution
from mrimage.flow.programs import drive, run_programs
from mrimage.flow.progress import Silent
from mrimage.flow.rounds import RoundRunner
from mrimage.flow.tables import Tables
from mrimage.job.job import Plan
from mrimage.patterns import programs_of
from mrimage.shuffle.exchange import Exchange, GroupFunction, reduce_share
from mrimage.shuffle.records import Spill, make_records
from mrimage.sink.files import FileSink
from mrimage.storage import open_store
from mrimage.types import Attempt, Entry, TaskReport

Pair = tuple[str, Any]


class Killed(BaseException):
    """The end of a driver: nothing catches it."""


@dataclass
class Dying:
    """The engine of one process, whose driver dies after ``tasks`` tasks."""

    tasks: int = 1 << 30
    workers: int = 1
    name: str = "local"
    done: list[TaskReport] = field(default_factory=list)

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        for task in tasks:
            if len(self.done) == self.tasks:
                raise Killed
            report = function(task, Attempt())
            self.done.append(report)
            yield report

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        def reduce(task: Any, attempt: Attempt) -> TaskReport:
            return reduce_share(function, exchange, scratch, task, attempt)

        return self.run(reduce, exchange.partitions)

    def close(self) -> None: ...


@dataclass
class Laboratory:
    """An OUT with the records of a job's map, and the means to run programs over them."""

    folder: Path
    outdated: int = 0

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def commit(self, split: str, images: Sequence[tuple[str, Sequence[Pair]]]) -> None:
        """Commit a split of map: the pairs of each image, by the name of the image."""
        store = open_store(str(self.out), create=True)
        writer = TaskWriter(store, FileSink(store), "map", split, Attempt())
        spill = Spill(None, writer.table)
        for name, pairs in images:
            entry = Entry(f"/photos/{name}", name, 10, "v1")
            spill.add(make_records(entry, 100, iter(pairs)))
        writer.commit(len(images), 0, spill.rest())

    def runner(self, engine: Engine | None = None) -> RoundRunner:
        store = open_store(str(self.out), create=True)
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        for path in scratch.rglob("*.parquet"):  # a run begins with an empty folder
            path.unlink()
        plan = Plan(mr.Job(map=_map), "/photos", str(self.out))
        execution = Execution(store, scratch, Budget(), Silent(), "")
        tables = Tables(store, scratch, plan.job)
        engine = engine or Inline(EngineOptions(workers=1, retries=0))
        return RoundRunner(plan, store, engine, scratch, execution, tables, self._outdate)

    def found(self, program: Any, engine: Engine | None = None) -> Any:
        """What the program returns."""
        runner = self.runner(engine)
        (named,) = programs_of(mr.Job(program=program))
        return drive(named, runner.tables.mapped(), runner)

    def finish(self, program: Any, engine: Engine | None = None) -> RoundRunner:
        """Run the program to its end, its outputs included."""
        engine = engine or Dying()
        runners: list[RoundRunner] = []

        def new_runner() -> RoundRunner:
            runners.append(self.runner(engine))
            return runners[-1]

        run_programs(programs_of(mr.Job(program=program)), new_runner)
        return runners[-1]

    def _outdate(self) -> None:
        self.outdated += 1


def _map(image: mr.Image) -> Iterator[Pair]:
    raise AssertionError("the records are there already")
    yield
