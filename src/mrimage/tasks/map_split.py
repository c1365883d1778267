"""The map task: a split of entries -> catalogue rows, records, edited images.

Pure but for what it writes to OUT; it may run twice, at once, on two machines, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError
from mrimage.guard.deadline import clock_stopped, deadline, fair
from mrimage.guard.failure import failure_of
from mrimage.guard.guard import Guard
from mrimage.job.job import Job, Plan
from mrimage.shuffle.records import Spill
from mrimage.sink import open_sink
from mrimage.source import open_entry, read_ahead
from mrimage.storage import open_store
from mrimage.tables.schemas import RECORDS, catalogue_schema
from mrimage.tasks.map_image import Mapped, map_image, mapper_of, quarantined
from mrimage.tasks.trial import Trial
from mrimage.types import Attempt, Entry, Split, TaskReport


def map_split(plan: Plan, split: Split, attempt: Attempt, first: str = "") -> TaskReport:
    """Map every image of ``split``; commit its catalogue rows, its sorted records and its edited images.

    An image that fails becomes a quarantined row, and the rest of the split goes on. ``first`` is the id of the split
    whose images are the job's first. Raises StoreError when bytes cannot be had or written, and JobError for a job that
    is at fault.
    """
    plan.stores.apply()
    job, store = plan.job, open_store(plan.out)
    writer = TaskWriter(store, open_sink(job, store, split.id), "map", split.id, attempt)
    spill = Spill(job.combine, RECORDS, lambda part, table: writer.table(_records_of(part), table))
    rows: list[dict[str, object]] = []
    trial = Trial(over=split.id != first)
    for mapped in _map_images(job, split, attempt):
        trial.see(mapped.failure)
        rows.append(mapped.row)
        spill.add(mapped.records)
        if mapped.failure:
            writer.fail(mapped.failure)
        if edited := mapped.edited:
            for key in mapped.keys:
                writer.image(mapped.entry, key, edited)
    tables = {"catalogue": pa.Table.from_pylist(rows, catalogue_schema(job.extract))}
    if rest := spill.rest():
        part, records = rest
        tables[_records_of(part)] = records
    return writer.commit(len(rows), split.size, tables)


def _records_of(part: int) -> str:
    return f"records-{part:05}"


def _map_images(job: Job, split: Split, attempt: Attempt) -> Iterator[Mapped]:
    """Each image of the split, in order: in this process, or carefully in a child that it may take down."""
    if attempt.careful:
        yield from _map_guarded(job, split)
        return
    mapper = mapper_of(job)
    clock = deadline(job.limits.deadline, attempt.expendable)
    for entry, source in read_ahead(split.entries, whole=job.decodes):
        if job.map:  # the user's code may have taken the timer's signal for itself
            clock = deadline(job.limits.deadline, attempt.expendable)
        with clock:
            mapped = map_image(job, mapper, entry, fair(source))
        yield mapped


def _map_guarded(job: Job, split: Split) -> Iterator[Mapped]:
    guard = Guard(partial(map_entry, job), job.limits)
    try:
        for entry in split.entries:
            try:
                yield guard(entry)
            except ImageError as error:
                yield quarantined(entry, {}, failure_of(entry.uri, "map", error))
    finally:
        guard.close()


def map_entry(job: Job, entry: Entry) -> Mapped:
    """One image on its own, as a guarded child maps it."""
    with clock_stopped():
        source = open_entry(entry)
    return map_image(job, mapper_of(job), entry, fair(source))
