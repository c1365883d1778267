"""What was committed with other columns: by an older version of mrimage, or from a source that has
changed."""

from __future__ import annotations

import io

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import ROOT, UNCLEAN, Committed, exists
from mrimage.commit.members import MEMBERS
from mrimage.commit.publish import PUBLISHED
from mrimage.commit.rounds import PROGRAM, CommittedRounds
from mrimage.commit.split_plan import forget_split_plan
from mrimage.job.catalogue import mapped_catalogue_of
from mrimage.job.job import Job, Plan
from mrimage.storage import Store
from mrimage.tables.schemas import RECORDS

COLUMNS = f"{ROOT}/columns.json"
"""The source's own columns that the shards have."""


def forget_older_versions(store: Store, job: Job) -> bool:
    """Forget everything that is committed if its tables lack a column of today's.

    The run then maps all images again. Returns whether the tables lacked one. Only one table of
    each kind is read, because all of them are of one version: a run that finds an older version
    forgets everything.
    """
    mapped = Committed(store, "map")
    catalogue = mapped.tables("catalogue")[:1]
    records = mapped.tables("records")[:1]
    lacks_columns = _lacks_columns(store, catalogue, mapped_catalogue_of(job))
    if not lacks_columns and not _lacks_columns(store, records, RECORDS):
        return False
    forget_everything(store)
    return True


def forget_everything(store: Store) -> None:
    """Forget all that is committed, so that the run maps all images again."""
    # Outputs that are not made again have to be swept.
    store.write(UNCLEAN, b"")
    store.delete(PUBLISHED)
    rounds = CommittedRounds(store)
    rounds.forget(rounds.names)
    for phase in (PROGRAM, MEMBERS, "reduce", "map"):
        committed = Committed(store, phase)
        committed.forget(list(committed.tasks))
    forget_split_plan(store)


def _lacks_columns(store: Store, names: list[str], schema: pa.Schema) -> bool:
    """Whether any of the tables ``names`` lacks a column of the schema."""
    wanted = set(schema.names)
    for name in names:
        found = pq.read_schema(io.BytesIO(store.read(name)))
        if not wanted.issubset(found.names):
            return True
    return False


def forget_other_columns(store: Store, plan: Plan) -> bool:
    """Forget everything that is committed if it has shards whose columns are not the source's.

    All Parquet shards of a run must have the same columns, or nothing can read them together.
    Returns whether something was forgotten.
    """
    if plan.job.output != "parquet":
        return False
    now = msgspec.json.encode(plan.columns)
    earlier = store.read(COLUMNS) if exists(store, COLUMNS) else msgspec.json.encode(())
    if now == earlier:
        return False
    has_shards = bool(Committed(store, "map").tasks)
    if has_shards:
        forget_everything(store)
    # Written last: after a kill in between, the next run forgets again.
    store.write(COLUMNS, now, durable=True)
    return has_shards
