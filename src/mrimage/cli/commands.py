"""What each command does, once its arguments are parsed."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.cli.dry_run import describe_plan
from mrimage.commit.damage import damage_named
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import ImageError, StoreError, UsageError
from mrimage.flow.process import stdout_to_stderr
from mrimage.flow.results import read_facts, results_folder, write_report
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
    from mrimage.image import FormatRow


def run_job(options: argparse.Namespace) -> int:
    """``mrimage run``."""
    base = load_job(options.job) if options.job else None
    job = build_job(_given(options, JOB_FIELDS), base)
    how = _run_options(options)
    if options.dry_run:
        _print_rows(describe_plan(job, options.source, options.out, how))
        return 0
    with stdout_to_stderr():
        summary = run(job, options.source, options.out, how)
    _tell(summary, options)
    return 0


def retry_images(options: argparse.Namespace) -> int:
    """``mrimage retry``: forget the quarantined images, then run the same job again."""
    from mrimage.cli.retry import forget_quarantined, job_of

    named = load_job(options.job) if options.job else None
    with _opened(options.out, options) as (store, scratch):
        plan = job_of(store, options.out, named, options.trust)
        job = build_job(_given(options, JOB_FIELDS), plan.job)
        forgotten = forget_quarantined(store, scratch, options.reason)
    if not options.quiet:
        print(f"{forgotten} quarantined images will be tried again", file=sys.stderr)
    with stdout_to_stderr():
        summary = run(job, plan.source, options.out, _run_options(options))
    _tell(summary, options)
    return 0


def make_report(options: argparse.Namespace) -> int:
    """``mrimage report``."""
    with _opened(options.out, options) as (store, scratch), ExitStack() as stack:
        other = None
        if options.against:
            earlier, copies = stack.enter_context(_opened(options.against, options))
            read_facts(earlier)
            other = stack.enter_context(results_folder(earlier, copies))
        made = write_report(
            store,
            read_facts(store),
            scratch,
            places=options.places,
            against=other,
            against_name=options.against or "",
        )
    if options.png:
        with _written(options.png):
            made.write_pngs(Path(options.png))
    if options.pdf:
        pdf = made.to_pdf()
        with _written(options.pdf):
            Path(options.pdf).write_bytes(pdf)
    print(f"{options.out.rstrip('/')}/report.html")
    return 0


def run_query(options: argparse.Namespace) -> int:
    """``mrimage query``."""
    from mrimage import report

    if not options.sql.strip(" \t\n;"):
        raise UsageError(
            "Expected SQL, for example 'SELECT count(*) FROM catalogue', but received an empty text."
        )
    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        read_facts(store)
        # CSV and JSON hold names as they are; a program wants that, a terminal would obey what is hidden in them.
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


def verify_out(options: argparse.Namespace) -> int:
    """``mrimage verify``: a line per problem; status 1 when there is any."""
    from mrimage.commit.verify import verify
    from mrimage.report import text

    with (
        _opened(options.out, options) as (store, scratch),
        results_folder(store, scratch) as results,
    ):
        facts = read_facts(store)
        problems = 0
        for problem in verify(store, results, facts, scratch):
            problems += 1
            print(text.visible(problem))
    if not problems:
        print(f"{facts.outputs} outputs verified; {facts.listed} images accounted for")
    return 1 if problems else 0


def inspect_files(options: argparse.Namespace) -> int:
    """``mrimage inspect``: status 1 when any file could not be read."""
    from mrimage.image import Image
    from mrimage.storage import open_uri

    bad = 0
    for file in options.files:
        facts: dict[str, object] = {"uri": printable(redact(file))}
        try:
            source = open_uri(file if "://" in file else str(Path(file).absolute()), DEFAULT)
            facts |= dataclasses.asdict(Image(source).metadata)
        except (ImageError, StoreError) as error:
            bad += 1
            facts |= {"reason": getattr(error, "reason", "unreadable"), "message": str(error)}
        if options.json:
            print(msgspec.json.encode(facts).decode())
        else:
            _print_rows([(name, str(value)) for name, value in facts.items() if value is not None])
    return 1 if bad else 0


def show_doctor(options: argparse.Namespace) -> int:
    """``mrimage doctor``."""
    from mrimage.image import formats

    print(f"{'format':<10} {'read':<5} {'write':<6} by")
    for row in formats():
        print(f"{row.format:<10} {_yes(row.read):<5} {_yes(row.write):<6} {_by(row)}")
    print()
    for what, modules, remedy in (
        ("engine local", (), ""),
        ("engine spark", ("pyspark",), 'pip install "mrimage[spark]"'),
        ("engine ray", ("ray",), 'pip install "mrimage[ray]"'),
        ("store file", (), ""),
        ("store s3, gs, az", ("obstore",), 'pip install "mrimage[objects]"'),
        ("store hdfs", ("hdfs_native",), 'pip install "mrimage[hdfs]"'),
    ):
        there = all(find_spec(module) for module in modules)
        print(f"{what:<18} {'available' if there else f'missing: {remedy}'}")
    return 0


def make_demo(options: argparse.Namespace) -> int:
    """``mrimage demo``."""
    from mrimage.demo import build

    with system_errors(options.folder):
        print(f"{options.folder}: {build(Path(options.folder))}")
    return 0


def _given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, object]:
    """Those of the options that are on the command line."""
    found = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _run_options(options: argparse.Namespace) -> RunOptions:
    stores = {field.name for field in STORES.fields}
    values = _read(options, [name for name in RUN_FIELDS if name not in stores])
    values["quiet"] = bool(options.quiet or options.json)
    return RunOptions(command=options.command, stores=_store_settings(options), **values)


def _store_settings(options: argparse.Namespace) -> StoreSettings:
    """The settings of stores among the options; commands that write nothing have fewer of them."""
    return StoreSettings(**_read(options, [field.name for field in STORES.fields]))


def _read(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The values of those of the run's options that are on the command line."""
    return {
        name: RUN_FIELDS[name].type.from_text(RUN_FIELDS[name].flag, value)
        for name, value in _given(options, names).items()
    }


def _tell(summary: Summary, options: argparse.Namespace) -> None:
    if options.json:
        print(open_store(options.out, _store_settings(options)).read("summary.json").decode())
    elif not options.quiet:
        print(summary)


@contextmanager
def _opened(out: str, options: argparse.Namespace) -> Iterator[tuple[Store, Path]]:
    """OUT, and a scratch folder outside it: these commands need not be alone there."""
    store = open_store(out, _store_settings(options))
    with temporary_folder() as folder, system_errors(out), damage_named(store):
        yield store, folder


@contextmanager
def _written(place: str) -> Iterator[None]:
    """Tell what the system refuses in the block as an error about ``place``, which the user
    named."""
    try:
        yield
    except OSError as error:
        raise store_error(error, "write", place) from error


def _by(row: FormatRow) -> str:
    return f"{row.library}; {row.reason}" if row.read and row.reason else row.reason or row.library


def _print_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(label) for label, _ in rows) + 2
    for label, text in rows:
        print(f"{label:<{width}}{text}")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
