"""The map task: a split of entries -> catalogue rows, records, edited images.

Pure but for what it writes to OUT; it may run twice, at once, on two machines, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

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
from mrimage.tables.schemas import catalogue_schema
from mrimage.tasks.faults import Faults
from mrimage.tasks.map_image import Mapped, map_image, mapper_of, quarantined
from mrimage.tasks.strays import Strays
from mrimage.tasks.trial import Trial
from mrimage.types import Attempt, Entry, Split, TaskReport


def map_split(plan: Plan, split: Split, attempt: Attempt, first: str = "") -> TaskReport:
    """Map every image of ``split``; commit its catalogue rows, its sorted records and its edited images.

    An image that fails becomes a quarantined row, and the rest of the split goes on. ``first`` is the id of the split
    whose images are the job's first. Raises StoreError when bytes cannot be had or written, and JobError for a job that
    is at fault.
    """
    job, store = plan.job, open_out(plan)
    writer = TaskWriter(store, open_sink(job, store, split.id), "map", split.id, attempt)
    spill = Spill(job.combine, writer.table, references=bool(job.group))
    rows: list[dict[str, object]] = []
    faults = Faults()
    trial = Trial(over=split.id != first)
    # A mapper may open other images of the same stores.
    with running(Context(job.limits, attempt, plan.stores, guards_images=False)):
        for mapped in map(Strays(plan).passed_over, _map_images(plan, split, attempt)):
            if mapped.row["status"] != "ignored":
                trial.see(mapped.failure)
            rows.append(mapped.row)
            spill.add(mapped.records)
            if mapped.failure:
                writer.fail(mapped.failure)
                faults.note(mapped.failure)
            if edited := mapped.edited:
                for key in mapped.keys:
                    writer.image(mapped.entry, key, edited)
    tables = {"catalogue": pa.Table.from_pylist(rows, catalogue_schema(job.extract))}
    return writer.commit(len(rows), split.size, tables | spill.rest())


def _map_images(plan: Plan, split: Split, attempt: Attempt) -> Iterator[Mapped]:
    """Each image of the split, in order: in this process, or carefully in a child that it may take down."""
    job = plan.job
    if attempt.careful:
        yield from _map_guarded(plan, split)
        return
    mapper = mapper_of(job)
    clock = deadline(job.limits.deadline, attempt.expendable)
    for entry, source in read_ahead(split.entries, job.decodes, plan.stores):
        if job.map:  # the user's code may have taken the timer's signal for itself
            clock = deadline(job.limits.deadline, attempt.expendable)
        with clock:
            mapped = map_image(job, mapper, entry, without_clock(source))
        if mapped.failure and mapped.failure.reason == "out-of-memory":
            raise CarelessError(CARELESS)  # others may have taken what this image was refused
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
    """One image on its own, as a guarded child maps it."""
    job = plan.job
    with running(Context(job.limits, stores=plan.stores, guards_images=False)):
        with clock_stopped():
            source = open_entry(entry, plan.stores)
        return map_image(job, mapper_of(job), entry, without_clock(source))
