"""The reduce task of a round: it reduces the keys of a partition to the records of a new table.

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
from mrimage.job.job import Plan
from mrimage.reducers.context import Context, running
from mrimage.rounds.round import Step
from mrimage.shuffle.records import Record, Spill
from mrimage.shuffle.replay import Fingerprint, Replay
from mrimage.sink.files import FileSink
from mrimage.tables.schemas import DONE_GROUPS
from mrimage.tasks.faults import Faults
from mrimage.tasks.left_out import without_images
from mrimage.tasks.passes import run_passes
from mrimage.tasks.round_records import run_function
from mrimage.types import Attempt, Partition, TaskReport


def reduce_table(
    plan: Plan, step: Step, partition: Partition, records: Iterable[Record], attempt: Attempt
) -> TaskReport:
    """Reduce every key of ``partition``; ``records`` are all of its records, sorted.

    The finished groups are committed with a fingerprint of their records, so that a later run knows
    whether they have changed. Raises JobError if the reducer fails.
    """
    store = open_out(plan)
    phase = phase_of(step.name, "reduce")
    writer = TaskWriter(store, FileSink(store), phase, partition.id, attempt)
    spill = Spill(None, writer.table, members=False)
    keys: list[str] = []
    fingerprints: list[str] = []
    with running(Context(plan.job.limits, attempt, plan.stores, stage="round")) as context:
        for key, members in groupby(records, attrgetter("key")):
            fingerprint = Fingerprint()
            with Replay(fingerprint.watch(members), keep=True) as group:
                for record in _reduce_key(context, plan, step, key, group):
                    spill.add([record])
                group.finish()
            keys.append(key)
            fingerprints.append(fingerprint.text())
        faults = Faults()
        for failure in context.failures.values():
            writer.fail(failure)
            faults.note(failure)
    groups = pa.table({"key": keys, "fingerprint": fingerprints}, DONE_GROUPS)
    return writer.commit(0, 0, {"groups": groups, **spill.rest()})


def _reduce_key(
    context: Context, plan: Plan, step: Step, key: str, group: Replay
) -> Iterator[Record]:
    """Yield what the reducer makes of a key; without the images that fail when it opens them."""
    combined = step.combine is not None

    # Messages are made only if there is something to say: there may be millions of keys.
    def failed_on() -> str:
        return step.failed_on("reducer", step.reduce, f"key {brief(key)}")

    def lacks() -> str:
        return f"Round {step.number} needs this image, so key {brief(key)} lacks its records."

    def make(failed: set[str]) -> Iterator[Record]:
        members = without_images(group.read(), failed, combined=combined)
        values = (record.value for record in members)
        return run_function(failed_on, step.reduce, key, values, step.side)

    return run_passes(context, plan.sources, lacks, make)
