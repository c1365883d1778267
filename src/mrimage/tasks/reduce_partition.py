"""The reduce task: it runs the group reducers on each key of a partition of records.

Its only effects are what it writes to OUT. It may run twice, at once, on two machines, with the
same result.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.job.job import Plan
from mrimage.reducers import reducers_of
from mrimage.reducers.context import Context, running
from mrimage.shuffle.records import Record
from mrimage.shuffle.replay import Fingerprint, Replay
from mrimage.sink.files import FileSink
from mrimage.tables.schemas import DONE_GROUPS
from mrimage.tasks.faults import Faults
from mrimage.tasks.reduce_group import reduce_group
from mrimage.types import Attempt, Partition, TaskReport


def reduce_partition(
    plan: Plan, partition: Partition, records: Iterable[Record], attempt: Attempt
) -> TaskReport:
    """Reduce every key of ``partition``; ``records`` are all of its records by key, image, number.

    The finished groups are committed with a fingerprint of their records, so that a later run knows
    whether they have changed. Raises JobError if a reducer fails: unlike an image, a group cannot
    be quarantined.
    """
    job = plan.job
    store = open_out(plan)
    # Outputs of groups are always files, whatever the sink of images: they are few, and people look
    # at them one by one.
    writer = TaskWriter(store, FileSink(store), "reduce", partition.id, attempt)
    reducers = reducers_of(job)
    # The user's reducer may run again, without images that failed.
    keep = job.reduce is not None or len(reducers) > 1
    done: list[dict[str, object]] = []
    with running(Context(job.limits, attempt, plan.stores)) as context:
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
