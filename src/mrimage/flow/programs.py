"""Runs programs: does the rounds that they yield, and writes what they have found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from mrimage.commit.ledger import Committed, read_column, table_path
from mrimage.commit.prune import forget_outputs
from mrimage.commit.rounds import FOUND_TABLE, PROGRAM, CommittedRounds
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import JobError, StoreError, brief
from mrimage.flow.rounds import RoundRunner
from mrimage.job.faults import describe_with_line, line_of_result
from mrimage.rounds.programs import FoundTable, NamedProgram
from mrimage.rounds.round import Round
from mrimage.rounds.table import Table
from mrimage.sink.files import FileSink
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.storage import Store
from mrimage.tables.schemas import PROGRAM_ROUNDS
from mrimage.types import Attempt, TaskReport

T = TypeVar("T")


def run_programs(programs: Sequence[NamedProgram], new_runner: Callable[[], RoundRunner]) -> None:
    """Run the programs over what map has made, unless they have finished with the very same.

    Then forget the rounds that none of them has used.

    ``new_runner`` makes the runner of one program. Raises JobError if a program fails, or yields or
    returns anything else than it should.
    """
    runner = new_runner()
    store = runner.store
    tasks: dict[str, tuple[NamedProgram, Table]] = {}
    for program in programs:
        first = _first_table(program, runner)
        tasks[_task_of(program, first)] = (program, first)
    finished = Committed(store, PROGRAM).tasks
    if finished != tasks.keys():
        runner.outdate()
        forget_outputs(store, PROGRAM, finished - tasks.keys())
    used: set[str] = set()
    for task, (program, first) in tasks.items():
        if task not in finished:
            _run_program(program, task, first, new_runner())
        used.update(read_column(store, table_path(PROGRAM, task, "rounds"), "round"))
    forget_unused(store, used, runner.outdate)


def _first_table(program: NamedProgram, runner: RoundRunner) -> Table:
    if program.columns:
        return runner.tables.images(program.columns)
    return runner.tables.mapped()


def _run_program(program: NamedProgram, task: str, first: Table, runner: RoundRunner) -> None:
    found = drive(program, first, runner)
    report = _write(program, task, found, runner)
    with runner.execution.phase(PROGRAM, 0):
        runner.execution.watch(PROGRAM, iter([report]))


def forget_unused(store: Store, used: Iterable[str], outdate: Callable[[], None]) -> None:
    """Forget all rounds but those that are called ``used``."""
    rounds = CommittedRounds(store)
    unused = set(rounds.names) - set(used)
    if unused:
        outdate()
        rounds.forget(unused)


def _task_of(program: NamedProgram, first: Table) -> str:
    """The id of a program's task: it names the code and the records."""
    data = msgspec.json.encode([program.describe(), first.id])
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def drive(program: NamedProgram, first: Table, runner: RoundRunner) -> Any:
    """Send the program the table of each round that it yields, and return what it returns."""
    name = program.function
    generator = _call(name, runner, partial(program.program, first))
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
                line = line_of_result(program.program, generator)
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


def _write(program: NamedProgram, task: str, found: object, runner: RoundRunner) -> TaskReport:
    """Write what the program has found below ``groups/<name of the program>``, and commit it."""
    store = runner.store
    name = program.function
    writer = TaskWriter(store, FileSink(store), PROGRAM, task, Attempt())
    taken = _reduced_outputs(store)
    for output in _outputs(name, found, runner):
        if isinstance(output, FoundTable):
            writer.table(f"{FOUND_TABLE}-{output.name}", output.rows)
            continue
        data, width, height = _call(name, runner, output.encoded)
        path = group_path(program.name, output.name)
        if path in taken:
            raise JobError(
                f"The program {name} and the reducer need different names for their outputs, but "
                f"both have made {path!r}. Rename the program or the output."
            )
        writer.output(output.uri, program.name, path, data, width, height)
    CommittedRounds(store).clean(runner.used, runner.paths)
    used = list(dict.fromkeys(runner.used))
    rounds = pa.table({"round": used}, PROGRAM_ROUNDS)
    return writer.commit(0, 0, {"rounds": rounds})


def _reduced_outputs(store: Store) -> set[str]:
    reduced = Committed(store, "reduce")
    names = reduced.tables("outputs")
    return {output for name in names for output in read_column(store, name, "output")}


def _outputs(name: str, found: object, runner: RoundRunner) -> Iterator[Output | FoundTable]:
    """Yield the outputs that a program has returned; a table becomes one of them."""
    if found is None:
        return
    if isinstance(found, Table):
        yield Output("table.parquet", _call(name, runner, partial(_rows, found)))
        return
    if isinstance(found, Output | FoundTable):
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
        if not isinstance(output, Output | FoundTable):
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
