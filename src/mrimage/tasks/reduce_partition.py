"""The reduce task: a partition of records -> what the group reducers make of each key.

Pure but for what it writes to OUT; it may run twice, at once, on two machines, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from mrimage.commit.task_writer import TaskWriter
from mrimage.job.job import Plan
from mrimage.reducers import Context, reducers_of, running
from mrimage.shuffle.records import Record
from mrimage.shuffle.replay import Fingerprint, Replay
from mrimage.sink.files import FileSink
from mrimage.storage import open_store
from mrimage.tables.schemas import DONE_GROUPS
from mrimage.tasks.faults import Faults
from mrimage.tasks.reduce_group import reduce_group
from mrimage.types import Attempt, Partition, TaskReport


def reduce_partition(
    plan: Plan, partition: Partition, records: Iterable[Record], attempt: Attempt
) -> TaskReport:
    """Reduce every key of ``partition``; ``records`` are all of theirs, sorted by key, image and number.

    The groups that are done are committed with a fingerprint of their records, by which a later run knows
    whether they have changed. Raises JobError when a reducer fails: a group is no image, it cannot be set aside.
    """
    plan.stores.apply()
    job, store = plan.job, open_store(plan.out)
    # A group's outputs are few and looked at one by one: they are files, whatever becomes of its images.
    writer = TaskWriter(store, FileSink(store), "reduce", partition.id, attempt)
    reducers = reducers_of(job)
    keep = job.reduce is not None or len(reducers) > 1
    done: list[dict[str, object]] = []
    with running(Context(job.limits, attempt)) as context:
        for key, members in groupby(records, attrgetter("key")):
            fingerprint = Fingerprint()
            with Replay(fingerprint.watch(members), keep) as group:
                for reducer in reducers:
                    for made in reduce_group(context, reducer, key, group, plan):
                        writer.output(made.uri, key, made.path, made.data, made.width, made.height)
                group.finish()
            done.append({"key": key, "fingerprint": fingerprint.text()})
        faults = Faults()
        for failure in context.failures.values():
            writer.fail(failure)
            faults.note(failure)
    groups = pa.Table.from_pylist(done, DONE_GROUPS)
    return writer.commit(partition.images, partition.bytes, {"groups": groups})
