"""Runs the job's program: yields its rounds, and writes what it has found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from mrimage.commit.ledger import Committed, read_column, table_path
from mrimage.commit.prune import forget_outputs
from mrimage.commit.rounds import PROGRAM, CommittedRounds
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import JobError, StoreError, brief
from mrimage.flow.rounds import RoundRunner
from mrimage.job.faults import describe_with_line, line_of_result
from mrimage.job.functions import describe_function, innermost, name_function
from mrimage.rounds.round import Program, Round
from mrimage.rounds.table import Table
from mrimage.sink.files import FileSink
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.storage import Store
from mrimage.tables.schemas import PROGRAM_ROUNDS
from mrimage.types import Attempt, TaskReport

T = TypeVar("T")


def run_program(program: Program, runner: RoundRunner) -> None:
    """Run the program over the records that map has emitted, unless it has finished with the very
    same ones; forget the rounds that it has not used.

    Raises JobError if the program fails, or yields or returns anything else than it should.
    """
    store = runner.store
    first = runner.tables.mapped()
    task = _task_of(program, first)
    finished = Committed(store, PROGRAM).tasks
    if finished != {task}:
        runner.outdate()
        forget_outputs(store, PROGRAM, finished - {task})
    if task not in finished:
        found = drive(program, first, runner)
        report = _write(program, task, found, runner)
        with runner.execution.phase(PROGRAM, 0):
            runner.execution.watch(PROGRAM, iter([report]))
    used = read_column(store, table_path(PROGRAM, task, "rounds"), "round")
    forget_unused(store, used, runner.outdate)


def forget_unused(store: Store, used: Iterable[str], outdate: Callable[[], None]) -> None:
    """Forget all rounds but those that are called ``used``."""
    rounds = CommittedRounds(store)
    unused = set(rounds.names) - set(used)
    if unused:
        outdate()
        rounds.forget(unused)


def _task_of(program: Program, first: Table) -> str:
    """The id of a program's task: it names the code and the records."""
    data = msgspec.json.encode([describe_function(program), first.id])
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def drive(program: Program, first: Table, runner: RoundRunner) -> Any:
    """Send the program the table of each round that it yields, and return what it returns."""
    name = name_function(program)
    generator = _call(name, runner, partial(program, first))
    if not isinstance(generator, Generator):
        return generator
    with closing(generator):
        resume = partial(next, generator)
        while True:
            try:
                round_ = _call(name, runner, resume)
            except StopIteration as end:
                return end.value
            if not isinstance(round_, Round):
                line = line_of_result(program, generator)
                raise JobError(
                    f"The program {name} needs to yield mrimage.Round, but it yielded "
                    f"{brief(round_)} ({line})."
                )
            resume = partial(generator.send, runner.run(round_))


def _call(name: str, runner: RoundRunner, call: Callable[[], T]) -> T:
    """Make a call into the program's code. Raises JobError with the line at which it fails."""
    try:
        return call()
    except (StopIteration, StoreError, KeyboardInterrupt):
        raise
    # Not only Exception: a program that calls sys.exit must not end the run without a word.
    except BaseException as error:
        if error is runner.tables.damage:
            raise
        after = f" after round {len(runner.used)}" if runner.used else ""
        raise JobError(f"The program {name} failed{after}. {describe_with_line(error)}") from error


def _write(program: Program, task: str, found: object, runner: RoundRunner) -> TaskReport:
    """Write what the program has found below ``groups/<name of the program>``, and commit it."""
    store = runner.store
    name = name_function(program)
    key = _folder_of(program)
    writer = TaskWriter(store, FileSink(store), PROGRAM, task, Attempt())
    taken = _reduced_outputs(store)
    for output in _outputs(name, found, runner):
        data, width, height = _call(name, runner, output.encoded)
        path = group_path(key, output.name)
        if path in taken:
            raise JobError(
                f"The program {name} and the reducer need different names for their outputs, but "
                f"both have made {path!r}. Rename the program or the output."
            )
        writer.output(output.uri, key, path, data, width, height)
    CommittedRounds(store).clean(runner.paths)
    used = list(dict.fromkeys(runner.used))
    rounds = pa.table({"round": used}, PROGRAM_ROUNDS)
    return writer.commit(0, 0, {"rounds": rounds})


def _folder_of(program: Program) -> str:
    """The name of the program's folder below ``groups``: that of its function or class."""
    named = innermost(program)
    if not hasattr(named, "__name__"):
        named = type(named)
    return str(named.__name__)


def _reduced_outputs(store: Store) -> set[str]:
    reduced = Committed(store, "reduce")
    names = reduced.tables("outputs")
    return {output for name in names for output in read_column(store, name, "output")}


def _outputs(name: str, found: object, runner: RoundRunner) -> Iterator[Output]:
    """Yield the outputs that a program has returned; a table becomes one of them."""
    if found is None:
        return
    if isinstance(found, Table):
        yield Output("table.parquet", _call(name, runner, partial(_rows, found)))
        return
    if isinstance(found, Output):
        found = [found]
    if isinstance(found, str | bytes | dict) or not isinstance(found, Iterable):
        raise JobError(
            f"The program {name} needs to return mrimage.Output, several of them, a table or None, "
            f"but it returned {brief(found)}."
        )
    outputs = iter(found)
    names: set[str] = set()
    while True:
        try:
            output = _call(name, runner, partial(next, outputs))
        except StopIteration:
            return
        if not isinstance(output, Output):
            raise JobError(
                f"The program {name} needs to return mrimage.Output, but among what it returned is "
                f"{brief(output)}."
            )
        if output.name in names:
            raise JobError(
                f"The program {name} needs to give each output a different name, but it used "
                f"{output.name!r} twice."
            )
        names.add(output.name)
        yield output


def _rows(table: Table) -> list[dict[str, Any]]:
    """The records of a table as rows: the key, and the items of the value, or else the value."""
    rows = []
    for key, value in table:
        items = value if isinstance(value, dict) and "key" not in value else {"value": value}
        rows.append({"key": key, **items})
    return rows
