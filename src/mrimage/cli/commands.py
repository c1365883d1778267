"""What each command does, once its arguments are parsed."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mrimage.cli.dryrun import describe_plan
from mrimage.cli.options import JOB_OPTIONS, build_job, load_job, whole
from mrimage.commit.damage import damage_named
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import ImageError, StoreError, UsageError
from mrimage.flow.results import read_facts, results_folder, write_report
from mrimage.flow.run import How, run
from mrimage.flow.summary import Summary
from mrimage.storage import Store, open_store, redact
from mrimage.storage.local import store_error, system_errors
from mrimage.storage.names import printable
from mrimage.storage.settings import Settings

if TYPE_CHECKING:
    from mrimage.image import FormatRow

MOST_WORKERS = 4096
"""More are a slip of the hand, and on one machine they would take it down before the first task."""


def run_job(options: argparse.Namespace) -> int:
    """``mrimage run``."""
    base = load_job(options.job) if options.job else None
    given = {name: getattr(options, name, None) for name in JOB_OPTIONS}
    job = build_job({name: value for name, value in given.items() if value is not None}, base)
    how = _how(options, fresh=options.fresh)
    if options.dry_run:
        _print_rows(describe_plan(job, options.source, options.out, how))
        return 0
    _tell(run(job, options.source, options.out, how), options)
    return 0


def retry_images(options: argparse.Namespace) -> int:
    """``mrimage retry``: forget the quarantined images, then run the same job again."""
    from mrimage.cli.retry import forget_quarantined, job_of

    with _opened(options.out, options) as (store, scratch):
        plan = job_of(store, options.out)
        given = {
            name: getattr(options, name)
            for name in ("deadline", "memory")
            if getattr(options, name) is not None
        }
        job = build_job(given, plan.job)
        forgotten = forget_quarantined(store, scratch, options.reason)
    if not options.quiet:
        print(f"{forgotten} quarantined images will be tried again", file=sys.stderr)
    _tell(run(job, plan.source, options.out, _how(options, fresh=False)), options)
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
        for piece in report.stream(results, options.sql, options.format):
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
            source = open_uri(file if "://" in file else str(Path(file).absolute()))
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


def _how(options: argparse.Namespace, fresh: bool) -> How:
    workers, replication = options.workers, options.replication
    return How(
        engine=options.engine,
        workers=None if workers is None else whole(1, MOST_WORKERS)("--workers", workers),
        retries=whole(0, 100)("--retries", options.retries),
        speculate=not options.no_speculation,
        fresh=fresh,
        max_failures=options.max_failures,
        quiet=options.quiet or options.json,
        thumbnails=not options.no_thumbnails,
        command=options.command,
        stores=Settings(
            None if replication is None else whole(1, 512)("--replication", replication),
            options.allow_private,
            options.endpoint,
            options.addressing,
        ),
    )


def _tell(summary: Summary, options: argparse.Namespace) -> None:
    if options.json:
        print(open_store(options.out).read("summary.json").decode())
    elif not options.quiet:
        print(summary)


@contextmanager
def _opened(out: str, options: argparse.Namespace) -> Iterator[tuple[Store, Path]]:
    """OUT, and a scratch folder outside it: these commands need not be alone there."""
    Settings(endpoint=options.endpoint, addressing=options.addressing).apply()
    store = open_store(out)
    with temporary_folder() as folder, system_errors(out), damage_named(store):
        yield store, folder


@contextmanager
def _written(place: str) -> Iterator[None]:
    """Tell what the system refuses in the block as an error about ``place``, which the user named."""
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
