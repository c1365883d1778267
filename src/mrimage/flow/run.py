"""A whole run in one function: list, split, map, plan, shuffle, reduce, statistics, members, rounds,
publish, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace

from mrimage import report
from mrimage.commit.damage import explain_damage
from mrimage.commit.ledger import exists
from mrimage.commit.lock import locked
from mrimage.commit.names import write_names
from mrimage.commit.out_folder import check_apart, claim, scratch_folder
from mrimage.commit.publish import PUBLISHED
from mrimage.engine import EngineOptions, open_engine
from mrimage.errors import UsageError
from mrimage.flow.budget import Budget
from mrimage.flow.earlier import earlier_of
from mrimage.flow.examples import with_examples
from mrimage.flow.execution import Execution
from mrimage.flow.listing import require_images
from mrimage.flow.phases import RunPhases
from mrimage.flow.prepare import prepare_job
from mrimage.flow.progress import choose_progress
from mrimage.flow.summary import Summary
from mrimage.job.description import describe, identities, note_uses
from mrimage.job.job import Job, Plan, absolute
from mrimage.job.job import RunOptions as RunOptions
from mrimage.job.pickling import dumps
from mrimage.job.references import with_references
from mrimage.patterns import programs_of
from mrimage.source import check_sources
from mrimage.storage import open_store
from mrimage.storage.local import system_errors

TASKS = (
    "mrimage.tasks.map_split",
    "mrimage.tasks.reduce_partition",
    "mrimage.tasks.edit_members",
)
"""Modules that workers import while the source is listed."""


PICTURES = "pictures"
"""The folder below scratch of the pictures that map keeps for the second pass."""


def run(
    job: Job,
    source: str | Sequence[str],
    out: str,
    options: RunOptions = RunOptions(),  # noqa: B008 - it is frozen
    names: tuple[str, ...] | None = None,
) -> Summary:
    """Do ``job`` on every image of ``source``, or of several sources, and write the results to
    ``out``. The results of an
    earlier run of the same job are kept and reused.

    Raises UsageError for a job that is not well-formed, and JobError (see ``errors``) if it fails.
    """
    job = with_references(prepare_job(job), options.stores)
    job = with_examples(job, options.stores)
    if job.example_set:
        _message_printer(options.quiet)(f"{job.example_set.summary()}.")
    if options.workers != 1 or options.engine != "local":
        # Refuse a job that cannot be sent to workers before anything is written.
        dumps(replace(job, program=None))
    sources = sources_of(source, out)
    budget = Budget.parse(options.max_failures)
    plan = Plan(job, sources[0], out, options.stores, others=sources[1:], names=names)
    with system_errors(out), ExitStack() as stack:
        has_work = options.fresh or not exists(open_store(out, plan.stores), PUBLISHED)
        engine = open_engine(options.engine, _engine_options(job, options, warm=has_work))
        stack.callback(engine.close)
        earlier = stack.enter_context(earlier_of(plan))
        require_images(plan, options.strict, earlier.columns if earlier else ())
        opened = open_store(out, plan.stores, create=True)
        held = stack.enter_context(locked(opened, _message_printer(options.quiet)))
        store = held.store
        plan = replace(plan, lease=held.lease)
        stack.enter_context(explain_damage(store))
        stack.callback(note_uses, job, identities(job))
        description = describe(plan)
        change = claim(store, plan, description, options.fresh)
        if names is not None:
            write_names(store, names)
        scratch = stack.enter_context(scratch_folder(store))
        # Workers write to scratch, so they have to end before it is deleted.
        stack.callback(engine.close)
        if engine.name == "local":
            plan = replace(plan, pictures=str(scratch / PICTURES))
        warming = report.warm() if has_work else nullcontext(lambda: None)
        wait_for_bundle = stack.enter_context(warming)
        execution = Execution(
            store, scratch, budget, choose_progress(options.quiet), options.command
        )
        phases = RunPhases(
            plan.for_tasks(),
            description,
            options,
            store,
            engine,
            scratch,
            execution,
            wait_for_bundle,
            programs=programs_of(job),
            earlier=earlier,
        )
        phases.retry_internal_failures()
        if change:
            phases.forget_changed(change)
        inventory = phases.list_source()
        phases.forget_gone(inventory)
        phases.map(inventory)
        exchange, weighed = phases.plan_shuffle()
        phases.reduce(exchange)
        phases.members()
        phases.rounds()
        published = phases.publish(weighed)
        summary = phases.report(published)
        execution.require_no_internal_failures()
        return summary


def sources_of(source: str | Sequence[str], out: str) -> tuple[str, ...]:
    """Return all sources. Raises SourceError if one contains another or OUT, or lies in it."""
    sources = (source,) if isinstance(source, str) else tuple(source)
    if not sources:
        raise UsageError("A run needs a SOURCE, but got none.")
    for each in sources:
        check_apart(each, out)
    check_sources(tuple(map(absolute, sources)))
    return sources


def _engine_options(job: Job, options: RunOptions, *, warm: bool) -> EngineOptions:
    return EngineOptions(
        workers=options.workers,
        retries=options.retries,
        speculate=options.speculate,
        memory=job.limits.memory,
        quiet=options.quiet,
        warm=warm,
        preload=TASKS,
    )


def _message_printer(quiet: bool) -> Callable[[str], None]:
    """Return a function that prints a message for a person who waits, unless ``quiet``."""

    def say(message: str) -> None:
        if not quiet:
            print(f"mrimage: {message}", file=sys.stderr)

    return say
