"""The reduce task: a partition of records -> what the group reducers make of each key.

Pure but for what it writes to OUT; it may run twice, at once, on two machines, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import JobError, StoreError, brief, describe
from mrimage.job.functions import name_function
from mrimage.job.job import Plan
from mrimage.reducers import Context, GroupReducer, reducers_of, running
from mrimage.shuffle.records import Record
from mrimage.shuffle.replay import Fingerprint, replayable
from mrimage.sink.files import FileSink
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.tables.schemas import DONE_GROUPS
from mrimage.types import Attempt, Partition, TaskReport


def reduce_partition(
    plan: Plan, partition: Partition, records: Iterable[Record], attempt: Attempt
) -> TaskReport:
    """Reduce every key of ``partition``; ``records`` are all of theirs, sorted by key, image and number.

    The groups that are done are committed with a fingerprint of their records, by which a later run knows
    whether they have changed. Raises JobError when a reducer fails: a group is no image, it cannot be set aside.
    """
    plan.stores.apply()
    job, store = plan.job, open_out(plan)
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


def _run_reducer(
    reducer: GroupReducer, key: str, records: Iterable[Record]
) -> Iterator[tuple[str, bytes, int | None, int | None]]:
    """What the reducer makes of the key: paths with their bytes, and width and height of what is an image."""
    try:
        outputs = reducer(key, records)
        if isinstance(outputs, Output) or not isinstance(outputs, Iterable):
            raise JobError(
                f"Expected it to yield mrimage.Output, but it returned {brief(outputs)}."
            )
        names: set[str] = set()
        for output in outputs:
            if not isinstance(output, Output):
                raise JobError(
                    f"Expected it to yield mrimage.Output, but received {brief(output)}."
                )
            if output.name in names:
                raise JobError(
                    f"Expected a name of its own for each output, but received {output.name!r} twice."
                )
            names.add(output.name)
            yield group_path(key, output.name), *output.encoded()
    except (StoreError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, JobError) else describe(error)
        raise JobError(
            f"The reducer {name_function(reducer)} failed on key {brief(key)}. {told}"
        ) from error
