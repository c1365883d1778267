"""The map task: it turns a split of entries into catalogue rows, records and edited images.

Its only effects are what it writes to OUT. It may run twice, at once, on two machines, with the
same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import CarelessError, ImageError
from mrimage.guard.deadline import clock_stopped, deadline, without_clock
from mrimage.guard.failure import CARELESS, failure_of
from mrimage.guard.guard import Guard
from mrimage.job.job import Plan
from mrimage.reducers.context import Context, running
from mrimage.shuffle.records import Spill
from mrimage.sink import open_sink
from mrimage.source import open_entry, read_ahead
from mrimage.tables.schemas import mapped_schema
from mrimage.tasks.extras import extras_of, extras_schema
from mrimage.tasks.faults import Faults
from mrimage.tasks.map_image import Mapped, map_image, mapper_of, quarantined
from mrimage.tasks.own_code import batches_of, set_up
from mrimage.tasks.strays import Strays
from mrimage.tasks.trial import Trial
from mrimage.types import Attempt, Entry, Split, TaskReport


def map_split(plan: Plan, split: Split, attempt: Attempt, first: str = "") -> TaskReport:
    """Map every image of ``split``; commit its catalogue rows, sorted records and edited images.

    An image that fails becomes a quarantined row, and the rest of the split goes on. ``first`` is
    the id of the split that holds the job's first images. Raises StoreError if bytes cannot be read
    or written, and JobError if the job is at fault.
    """
    job = plan.job
    store = open_out(plan)
    sink = open_sink(job, store, split.id, extras_schema(plan))
    writer = TaskWriter(store, sink, "map", split.id, attempt)
    spill = Spill(job.combine, writer.table, references=bool(job.group))
    rows: list[dict[str, object]] = []
    faults = Faults()
    trial = Trial(over=split.id != first)
    strays = Strays(plan)
    # The context is for a mapper that opens other images of the same stores.
    with running(Context(job.limits, attempt, plan.stores, guards_images=False)):
        for result in _map_images(plan, split, attempt):
            mapped = strays.mark_ignored(result)
            if mapped.row["status"] != "ignored":
                trial.see(mapped.failure)
            rows.append(mapped.row)
            spill.add(mapped.records)
            if mapped.failure:
                writer.fail(mapped.failure)
                faults.note(mapped.failure)
            if mapped.edited:
                extras = extras_of(plan, mapped)
                for key in mapped.keys:
                    writer.image(mapped.entry, key, mapped.edited, extras)
    tables = {"catalogue": pa.Table.from_pylist(rows, mapped_schema(job.built_in, job.own_columns))}
    return writer.commit(len(rows), split.size, tables | spill.rest())


def _map_images(plan: Plan, split: Split, attempt: Attempt) -> Iterator[Mapped]:
    """Map the split's images in order: in this process, or carefully in a child that may die."""
    job = plan.job
    if attempt.careful:
        yield from _map_guarded(plan, split)
        return
    mapper = mapper_of(job)
    clock = deadline(job.limits.deadline, attempt.expendable)
    opened = read_ahead(split.entries, job.decodes, plan.stores)
    for entry, source in chain.from_iterable(batches_of(job, opened, attempt)):
        # The user's code may have replaced the timer's signal handler.
        if job.map or job.own_extractors:
            clock = deadline(job.limits.deadline, attempt.expendable)
        with clock:
            mapped = map_image(job, mapper, entry, without_clock(source))
        if mapped.failure and mapped.failure.reason == "out-of-memory":
            # Other images of the task may have taken the memory that this one was refused.
            raise CarelessError(CARELESS)
        yield mapped


def _map_guarded(plan: Plan, split: Split) -> Iterator[Mapped]:
    guard = Guard(partial(map_entry, plan), plan.job.limits)
    try:
        for entry in split.entries:
            try:
                yield guard(entry)
            except ImageError as error:
                yield quarantined(entry, {}, failure_of(entry.uri, "map", error))
    finally:
        guard.close()


def map_entry(plan: Plan, entry: Entry) -> Mapped:
    """Map one image alone, in a guarded child."""
    job = plan.job
    with running(Context(job.limits, stores=plan.stores, guards_images=False)):
        with clock_stopped():
            set_up(job)
            source = open_entry(entry, plan.stores)
        return map_image(job, mapper_of(job), entry, without_clock(source))
