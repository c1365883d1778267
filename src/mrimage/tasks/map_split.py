"""The two functions that every engine runs: all meaning is here, an engine only delivers.

    map_split         a split of entries      -> catalogue rows, records, edited images
    reduce_partition  a partition of records  -> what the group reducers make of each key

Both are pure but for what they write to OUT; they may run twice, at once, on two machines, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError, JobError, StoreError, brief, describe
from mrimage.guard.guard import Guard, clock_stopped, deadline, fair
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Plan
from mrimage.reducers import Context, GroupReducer, reducers_of, running
from mrimage.shuffle.records import Record, Spill
from mrimage.shuffle.replay import Fingerprint, replayable
from mrimage.sink import open_sink
from mrimage.sink.files import FileSink
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.source import open_entry, read_ahead
from mrimage.storage import open_store
from mrimage.tables.schemas import DONE_GROUPS, RECORDS, catalogue_schema
from mrimage.tasks.map_image import Mapped, failure_of, map_image, mapper_of, quarantined
from mrimage.types import Attempt, Entry, Partition, Split, TaskReport


def map_split(plan: Plan, split: Split, attempt: Attempt) -> TaskReport:
    """Map every image of ``split``; commit its catalogue rows, its sorted records and its edited images.

    An image that fails becomes a quarantined row, and the rest of the split goes on. Raises StoreError when
    bytes cannot be had or written, and JobError for a job that is at fault.
    """
    plan.stores.apply()
    job, store = plan.job, open_store(plan.out)
    writer = TaskWriter(store, open_sink(job, store, split.id), "map", split.id, attempt)
    spill = Spill(job.combine, RECORDS, lambda part, table: writer.table(_records_of(part), table))
    rows: list[dict[str, object]] = []
    for mapped in _map_images(job, split, attempt):
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


def reduce_partition(plan: Plan, partition: Partition, records: Iterable[Record], attempt: Attempt) -> TaskReport:
    """Reduce every key of ``partition``; ``records`` are all of theirs, sorted by key, image and number.

    The groups that are done are committed with a fingerprint of their records, by which a later run knows
    whether they have changed. Raises JobError when a reducer fails: a group is no image, it cannot be set aside.
    """
    plan.stores.apply()
    job, store = plan.job, open_store(plan.out)
    # A group's outputs are few and looked at one by one: they are files, whatever becomes of its images.
    writer = TaskWriter(store, FileSink(store), "reduce", partition.id, attempt)
    reducers = reducers_of(job)
    done: list[dict[str, object]] = []
    with running(Context(job.limits, attempt)) as context:
        for key, members in groupby(records, attrgetter("key")):
            fingerprint = Fingerprint()
            with replayable(fingerprint.watch(members), len(reducers)) as passes:
                for reducer, values in zip(reducers, passes, strict=True):
                    for made in _run_reducer(reducer, key, values):
                        writer.output(None, key, *made)
            done.append({"key": key, "fingerprint": fingerprint.text()})
        for failure in context.failures.values():
            writer.fail(failure)
    groups = pa.Table.from_pylist(done, DONE_GROUPS)
    return writer.commit(partition.images, partition.bytes, {"groups": groups})


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


def _run_reducer(
    reducer: GroupReducer, key: str, records: Iterable[Record]
) -> Iterator[tuple[str, bytes, int | None, int | None]]:
    """What the reducer makes of the key: paths with their bytes, and width and height of what is an image."""
    try:
        outputs = reducer(key, records)
        if isinstance(outputs, Output) or not isinstance(outputs, Iterable):
            raise JobError(f"Expected it to yield mrimage.Output, but it returned {brief(outputs)}.")
        names: set[str] = set()
        for output in outputs:
            if not isinstance(output, Output):
                raise JobError(f"Expected it to yield mrimage.Output, but received {brief(output)}.")
            if output.name in names:
                raise JobError(f"Expected a name of its own for each output, but received {output.name!r} twice.")
            names.add(output.name)
            yield group_path(key, output.name), *output.encoded()
    except (StoreError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, JobError) else describe(error)
        raise JobError(f"The reducer {name_function(reducer)} failed on key {brief(key)}. {told}") from error
