"""The map task of a round: it maps the records of some parts of the round's tables.

Its only effects are what it writes to OUT. It may run twice, at once, on two machines, with the
same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.rounds import phase_of
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import brief
from mrimage.job.job import Plan, Value
from mrimage.reducers.context import Context, running
from mrimage.rounds.planning import Bundle, MapPart
from mrimage.rounds.round import Step
from mrimage.shuffle.records import Record, Spill
from mrimage.sink.files import FileSink
from mrimage.storage import Store
from mrimage.tables.schemas import ROUND_PARTS
from mrimage.tasks.faults import Faults
from mrimage.tasks.image_batches import BATCH_OF_IMAGES, read_images
from mrimage.tasks.left_out import GONE, without
from mrimage.tasks.passes import run_passes
from mrimage.tasks.round_records import NO_IMAGE, read_part, run_function, with_values
from mrimage.types import Attempt, TaskReport


def map_table(plan: Plan, step: Step, bundle: Bundle, attempt: Attempt) -> TaskReport:
    """Map every record in the parts of ``bundle``; commit the new records, sorted.

    Raises JobError if the mapper or the combiner fails: unlike an image, a record cannot be
    quarantined.
    """
    store = open_out(plan)
    writer = TaskWriter(store, FileSink(store), phase_of(step.name, "map"), bundle.id, attempt)
    spill = Spill(step.combine, writer.table, members=False)
    with running(Context(plan.job.limits, attempt, plan.stores, stage="round")) as context:
        for part, record, value in _records(plan, store, bundle):
            spill.add(_map_record(context, plan, step, part, record, value))
        faults = Faults()
        for failure in context.failures.values():
            writer.fail(failure)
            faults.note(failure)
    parts = pa.Table.from_pylist([{"part": part.id} for part in bundle.parts], ROUND_PARTS)
    return writer.commit(0, 0, {"parts": parts, **spill.rest()})


def _records(plan: Plan, store: Store, bundle: Bundle) -> Iterator[tuple[MapPart, Record, Value]]:
    """Yield the records of the parts with their values; batches of images as one record each."""
    for (_, columns), group in groupby(bundle.parts, attrgetter("table", "columns")):
        parts = list(group)
        if columns:
            for batch in read_images(store, [part.path for part in parts], columns):
                yield parts[0], BATCH_OF_IMAGES, batch
            continue
        for part in parts:
            records = read_part(store, part.path)
            for record, value in with_values(plan.job, records, part.mapped):
                yield part, record, value


def _map_record(
    context: Context, plan: Plan, step: Step, part: MapPart, record: Record, value: Value
) -> list[Record]:
    """Map one record; without the images in it that fail when the mapper opens them."""
    mapper = step.mappers[part.table]
    entry = record.entry
    # A combiner merges the values of several images.
    made_for = NO_IMAGE if step.combine else entry

    # Messages are made only if there is something to say: there may be millions of records.
    def about() -> str:
        of_image = f" of image {entry.uri}" if entry.uri else ""
        return f"key {brief(record.key)}{of_image}"

    def failed_on() -> str:
        return step.failed_on("mapper", mapper, about())

    def lacks() -> str:
        return f"Round {step.number} needs this image, so it leaves out the record of {about()}."

    def make(failed: set[str]) -> Iterable[Record]:
        left = without(value, failed) if failed else value
        if left is GONE or entry.uri in failed:
            return ()
        arguments = (record.key, left, step.side)
        return run_function(failed_on, mapper, *arguments, entry=made_for)

    return list(run_passes(context, plan.sources, lacks, make))
