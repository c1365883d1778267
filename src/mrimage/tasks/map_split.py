"""The map task: it turns a split of entries into catalogue rows, records and edited images.

Its only effects are what it writes to OUT. It may run twice, at once, on two machines, with the
same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.job.catalogue import mapped_catalogue_of
from mrimage.job.job import Job, Plan
from mrimage.reducers.context import Context, running
from mrimage.shuffle.records import Spill
from mrimage.sink import open_sink
from mrimage.source import beside
from mrimage.tasks.each_image import ImageWork, handle_alone, handle_images
from mrimage.tasks.extras import carried_values, extras_of, extras_schema
from mrimage.tasks.faults import Faults
from mrimage.tasks.map_image import Mapped, map_image, mapper_of, quarantined
from mrimage.tasks.model_batches import map_in_batches, model_of
from mrimage.tasks.own_code import in_batches, set_up
from mrimage.tasks.sidecars import sidecar_of
from mrimage.tasks.statistics import StatisticsWriter
from mrimage.tasks.strays import Strays
from mrimage.tasks.trial import Trial
from mrimage.types import Attempt, ByteSource, Entry, Failure, Split, TaskReport


def map_split(plan: Plan, split: Split, attempt: Attempt, first: str = "") -> TaskReport:
    """Map every image of ``split``; commit its catalogue rows, sorted records, edited images, and
    what each image contributes to the statistics of its groups.

    An image that fails becomes a quarantined row, and the rest of the split goes on. ``first`` is
    the id of the split that holds the job's first images. Raises StoreError if bytes cannot be read
    or written, and JobError if the job is at fault.
    """
    job = plan.job
    store = open_out(plan)
    sink = open_sink(job, store, split.id, extras_schema(plan))
    writer = TaskWriter(store, sink, "map", split.id, attempt)
    spill = Spill(job.combine, writer.table, references=bool(job.group))
    statistics = StatisticsWriter(writer.table)
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
            carried = carried_values(job, mapped.row)
            statistics.add(mapped.entry, mapped.members, carried)
            extras = extras_of(plan, mapped.entry, carried)
            sidecar = sidecar_of(plan, mapped.entry) if mapped.outputs else None
            for output in mapped.outputs:
                key = output.key
                path = writer.image(mapped.entry, key, output.made, extras, output.size)
                if sidecar is not None:
                    name = beside(path, mapped.entry.path, sidecar.path)
                    writer.output(mapped.entry.uri, key, name, sidecar.data, None, None)
    tables = {"catalogue": pa.Table.from_pylist(rows, mapped_catalogue_of(job))}
    return writer.commit(len(rows), split.size, tables | spill.rest() | statistics.rest())


def _map_images(plan: Plan, split: Split, attempt: Attempt) -> Iterator[Mapped]:
    """Map the images of the split in order."""
    if plan.job.network and not attempt.careful:
        return map_in_batches(plan, split, attempt)
    return handle_images(plan, split.entries, attempt, _work(plan.job))


def _work(job: Job) -> ImageWork[Entry, Mapped]:
    return ImageWork(
        stage="map",
        entry_of=_itself,
        begin=_mapping,
        failed=_failed,
        whole=job.decodes,
        has_own_code=bool(job.map or job.own_extractors or job.edits_function or job.statistic),
        prepared=in_batches,
    )


def _itself(entry: Entry) -> Entry:
    return entry


def _mapping(plan: Plan) -> Callable[[Entry, ByteSource], Mapped]:
    job = plan.job
    # The set-up of the job's own code must not count for an image.
    set_up(job)
    return partial(map_image, plan, mapper_of(job), model=model_of(plan))


def _failed(entry: Entry, failure: Failure) -> Mapped:
    return quarantined(entry, {}, failure)


def map_entry(plan: Plan, entry: Entry) -> Mapped:
    """Map one image alone, in a guarded child."""
    return handle_alone(plan, _work(plan.job), entry)
