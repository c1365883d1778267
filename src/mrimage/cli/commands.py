"""The functions that carry out the commands. Each returns the exit status."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.cli.color import BOLD, YELLOW, painted
from mrimage.cli.dry_run import describe_plan
from mrimage.commit.damage import explain_damage
from mrimage.commit.names import split_names
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import ImageError, StoreError, UsageError
from mrimage.flow.process import stdout_to_stderr
from mrimage.flow.results import (
    read_facts,
    reporting,
    results_folder,
    write_facts,
    write_report,
)
from mrimage.flow.run import run
from mrimage.flow.summary import Summary
from mrimage.job.fields import JOB_FIELDS, RUN_FIELDS, STORES
from mrimage.job.job import RunOptions
from mrimage.job.reading import build_job, load_job
from mrimage.storage import Store, StoreSettings, open_store, redact
from mrimage.storage.local import store_error, system_errors
from mrimage.storage.names import printable
from mrimage.storage.settings import DEFAULT

if TYPE_CHECKING:
    from mrimage.commit.verify import Problem
    from mrimage.image import FormatRow


def run_job(options: argparse.Namespace) -> int:
    """``mrimage run``."""
    base = load_job(options.job) if options.job else None
    job = build_job(_given(options, JOB_FIELDS), base)
    run_options = _run_options(options)
    names = _names_on_stdin(options.source)
    if options.dry_run:
        _print_rows(describe_plan(job, options.source, options.out, run_options, names))
        return 0
    with stdout_to_stderr():
        summary = run(job, options.source, options.out, run_options, names)
    _print_summary(summary, options)
    return 0


def _names_on_stdin(sources: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names of images that standard input has, if it is the source; None if it is not.

    Raises UsageError if there are none, and if there is another source.
    """
    if "-" not in sources:
        return None
    if len(sources) > 1:
        raise UsageError(
            "SOURCE - reads the names of all images from standard input, but there are other "
            "SOURCEs as well. Leave out one of the two."
        )
    names = split_names(sys.stdin.buffer.read())
    if not any(names):
        raise UsageError(
            "SOURCE - needs the names of images on standard input, one on each line, but got none."
        )
    return names


def retry_images(options: argparse.Namespace) -> int:
    """``mrimage retry``: forget the quarantined images, then run the same job again."""
    from mrimage.cli.retry import forget_quarantined, read_plan

    named = load_job(options.job) if options.job else None
    with _opened(options.out, options) as (store, scratch):
        plan = read_plan(store, options.out, named, options.trust)
        job = build_job(_given(options, JOB_FIELDS), plan.job)
        forgotten = forget_quarantined(store, scratch, options.reason)
    if not options.quiet:
        print(f"{forgotten} quarantined images will be tried again", file=sys.stderr)
    with stdout_to_stderr():
        summary = run(job, plan.sources, options.out, _run_options(options), plan.names)
    _print_summary(summary, options)
    return 0


def make_report(options: argparse.Namespace) -> int:
    """``mrimage report``."""
    with _opened(options.out, options) as (store, scratch), ExitStack() as stack:
        other = None
        if options.against:
            other_store, copies = stack.enter_context(_opened(options.against, options))
            # Raises an error if there is no finished run in it.
            read_facts(other_store)
            other = stack.enter_context(results_folder(other_store, copies))
        facts = read_facts(store)
        if options.title is not None or options.owner is not None:
            # Kept, so that the next report of this run has them too.
            title = facts.title if options.title is None else options.title
            owner = facts.owner if options.owner is None else options.owner
            facts = dataclasses.replace(facts, title=title, owner=owner)
            write_facts(store, facts)
        made = write_report(
            store,
            facts,
            scratch,
            stack.enter_context(reporting(store, scratch)),
            places=options.places,
            against=other,
            against_name=options.against or "",
        )
    if options.png:
        with _named_write_errors(options.png):
            made.write_pngs(Path(options.png))
    if options.pdf:
        pdf = made.to_pdf()
        with _named_write_errors(options.pdf):
            Path(options.pdf).write_bytes(pdf)
    print(f"{options.out.rstrip('/')}/report.html")
    return 0


def check_expectations(options: argparse.Namespace) -> int:
    """``mrimage check``: print a line for each expectation. The status is 1 if one is not met."""
    from mrimage import report
    from mrimage.report import text

    wanted = [*(options.expect or ()), *_expectations_in(options.file)]
    if not wanted:
        raise UsageError(
            "mrimage check needs --expect such as 'quarantined = 0', or --file, but got neither."
        )
    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        outcomes = report.check(results, read_facts(store), wanted)
    for outcome in outcomes:
        print(text.visible(outcome.line))
    return 0 if all(outcome.met for outcome in outcomes) else 1


def _expectations_in(file: str | None) -> list[str]:
    """Return the expectations in a TOML file. Raises UsageError for any other content."""
    if file is None:
        return []
    path = Path(file)
    with system_errors(file):
        content = path.read_bytes()
    try:
        found = msgspec.toml.decode(content, type=dict[str, list[str]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--file needs TOML such as expect = ['quarantined = 0'], but {file} has other content "
            f"({error})."
        ) from error
    others = sorted(found.keys() - {"expect"})
    if others:
        raise UsageError(f'--file needs only "expect", but {file} also has "{others[0]}".')
    return found.get("expect", [])


def run_query(options: argparse.Namespace) -> int:
    """``mrimage query``."""
    from mrimage import report

    if not options.sql.strip(" \t\n;"):
        raise UsageError(
            "mrimage query needs SQL such as 'SELECT count(*) FROM catalogue', "
            "but got an empty text."
        )
    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        read_facts(store)
        # File names may contain control codes. A terminal would act on them, but a program that
        # reads CSV or JSON needs the names unchanged.
        shown = report.for_terminal if sys.stdout.isatty() else str
        for piece in report.stream(
            results,
            options.sql,
            options.format,
            quote_formulas=options.quote_formulas,
            unsafe=options.unsafe,
        ):
            print(shown(piece), end="")
    return 0


def explore_out(options: argparse.Namespace) -> int:
    """``mrimage explore``: serve the page until Ctrl-C, or write it as files."""
    from mrimage.cli.explore import export_page, serve_page

    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        facts = read_facts(store)
        settings = _store_settings(options)
        if options.export:
            return export_page(results, facts, store, settings, options.export)
        return serve_page(results, facts, store, settings, options)


def verify_out(options: argparse.Namespace) -> int:
    """``mrimage verify``: print one line per problem. The status is 1 if there is any, with
    ``--repair`` if there is any left."""
    problems = _print_problems(options)
    if problems and options.repair:
        _repair(options, problems)
        problems = _print_problems(options)
    return 1 if problems else 0


def _print_problems(options: argparse.Namespace) -> list[Problem]:
    from mrimage.commit.verify import verify
    from mrimage.report import text

    problems = []
    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        facts = read_facts(store)
        for problem in verify(store, results, facts, scratch):
            problems.append(problem)
            print(text.visible(problem.text))
    if not problems:
        print(f"{facts.outputs} outputs verified; {facts.listed} images accounted for")
    return problems


def _repair(options: argparse.Namespace, problems: list[Problem]) -> None:
    """Run the job again for what is missing or altered."""
    from mrimage.cli.retry import read_plan
    from mrimage.commit.lock import locked
    from mrimage.commit.repair import forget_damaged

    named = load_job(options.job) if options.job else None
    outputs = [output for problem in problems for output in problem.outputs]
    tables = {problem.table for problem in problems if problem.table}
    with _opened(options.out, options) as (store, scratch):
        plan = read_plan(store, options.out, named, options.trust)
        with locked(store) as held:
            count = forget_damaged(held.store, scratch, outputs, tables)
    print(f"{count} images and groups will be made again", file=sys.stderr)
    run_options = RunOptions(
        command=options.command,
        stores=_store_settings(options),
        **_converted(options, ["engine", "workers"]),
    )
    with stdout_to_stderr():
        run(plan.job, plan.sources, options.out, run_options, plan.names)


def inspect_files(options: argparse.Namespace) -> int:
    """``mrimage inspect``. The status is 1 if any file cannot be read."""
    from mrimage.image import Image
    from mrimage.storage import open_uri

    failed = 0
    for file in options.files:
        facts: dict[str, object] = {"uri": printable(redact(file))}
        uri = file if "://" in file else str(Path(file).absolute())
        try:
            source = open_uri(uri, DEFAULT)
            facts |= dataclasses.asdict(Image(source).metadata)
        except (ImageError, StoreError) as error:
            failed += 1
            facts["reason"] = getattr(error, "reason", "unreadable")
            facts["message"] = str(error)
        if options.json:
            print(msgspec.json.encode(facts).decode())
        else:
            _print_rows([(name, str(value)) for name, value in facts.items() if value is not None])
    return 1 if failed else 0


def find_similar(options: argparse.Namespace) -> int:
    """``mrimage similar``."""
    from mrimage.cli.similar import find_similar_images

    return find_similar_images(options, _store_settings(options))


OPTIONAL_PARTS = {
    "engine local": None,
    "engine spark": ("pyspark", "spark"),
    "engine ray": ("ray", "ray"),
    "extract embedding": ("onnxruntime", "embed"),
    "explore": ("starlette", "explore"),
    "store file": None,
    "store s3, gs, az": ("obstore", "objects"),
    "store hdfs": ("hdfs_native", "hdfs"),
}
"""Engines and stores, each with the module that it needs and the extra of mrimage that installs
it."""


def show_doctor(options: argparse.Namespace) -> int:
    """``mrimage doctor``."""
    from mrimage.image import formats

    print(f"{'format':<10} {'read':<5} {'write':<6} by")
    for row in formats():
        read = "yes" if row.read else "no"
        write = "yes" if row.write else "no"
        print(f"{row.format:<10} {read:<5} {write:<6} {_describe_support(row)}")
    print()
    for part, needed in OPTIONAL_PARTS.items():
        print(f"{part:<18} {_describe_availability(needed)}")
    return 0


def _describe_support(row: FormatRow) -> str:
    """Name the library that handles a format, and say what is missing."""
    if not row.reason:
        return row.library
    return f"{row.library}; {row.reason}" if row.read else row.reason


def _describe_availability(needed: tuple[str, str] | None) -> str:
    if needed is None:
        return "available"
    module, extra = needed
    if find_spec(module):
        return "available"
    return f'missing: pip install "mrimage[{extra}]"'


def complete(options: argparse.Namespace) -> int:
    """``mrimage completion``."""
    from mrimage.cli.completion import completion_script

    print(completion_script(options.shell, options.parser), end="")
    return 0


def print_manual(options: argparse.Namespace) -> int:
    """``mrimage man``."""
    from mrimage.cli.manual import manual

    print(manual(options.parser), end="")
    return 0


def make_demo(options: argparse.Namespace) -> int:
    """``mrimage demo``."""
    from mrimage.demo import build

    with system_errors(options.folder):
        print(f"{options.folder}: {build(Path(options.folder))}")
    return 0


def _given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, object]:
    """Return those of the options ``names`` that are on the command line."""
    found = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _run_options(options: argparse.Namespace) -> RunOptions:
    store_names = {field.name for field in STORES.fields}
    values = _converted(options, [name for name in RUN_FIELDS if name not in store_names])
    values["quiet"] = bool(options.quiet or options.json)
    return RunOptions(command=options.command, stores=_store_settings(options), **values)


def _store_settings(options: argparse.Namespace) -> StoreSettings:
    """Return the settings of stores. A command that writes nothing has only some of them."""
    return StoreSettings(**_converted(options, [field.name for field in STORES.fields]))


def _converted(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of those of the run's options ``names`` that are on the command line."""
    values = {}
    for name, text in _given(options, names).items():
        field = RUN_FIELDS[name]
        values[name] = field.type.from_text(field.flag, text)
    return values


def _print_summary(summary: Summary, options: argparse.Namespace) -> None:
    if options.json:
        store = open_store(options.out, _store_settings(options))
        print(store.read("summary.json").decode())
    elif not options.quiet:
        for label, words in summary.rows():
            color = YELLOW if label == "quarantined" and summary.quarantined else BOLD
            print(f"{painted(f'{label:<12}', color, sys.stdout)} {words}")


@contextmanager
def _opened(out: str, options: argparse.Namespace) -> Iterator[tuple[Store, Path]]:
    """Open OUT, with a scratch folder outside it: a run may be using OUT at the same time."""
    store = open_store(out, _store_settings(options))
    with temporary_folder() as folder, system_errors(out), explain_damage(store):
        yield store, folder


@contextmanager
def _named_write_errors(path: str) -> Iterator[None]:
    """Turn a system error in the block into one that names ``path``, which the user gave."""
    try:
        yield
    except OSError as error:
        raise store_error(error, "write", path) from error


def _print_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(label) for label, _ in rows) + 2
    for label, text in rows:
        print(f"{painted(f'{label:<{width}}', BOLD, sys.stdout)}{text}")
