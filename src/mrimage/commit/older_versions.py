"""What an earlier version of mrimage committed: tables of other columns, which this one cannot add to."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import UNCLEAN, Committed
from mrimage.commit.publish import PUBLISHED
from mrimage.job.job import Job
from mrimage.storage import Store
from mrimage.tables.schemas import RECORDS, catalogue_schema


def forget_older_versions(store: Store, job: Job) -> bool:
    """Forget everything that is committed if its tables lack a column of today's, so that it is mapped again; return
    whether that was so.

    One table of each kind is looked at. All are of one version: whatever an earlier one left is forgotten as a whole.
    """
    mapped, reduced = Committed(store, "map"), Committed(store, "reduce")
    wanted = {"catalogue": catalogue_schema(job.extract), "records": RECORDS}
    if not any(_lacks(store, mapped.tables(kind)[:1], schema) for kind, schema in wanted.items()):
        return False
    store.write(UNCLEAN, b"")  # an output that is not made again is swept
    store.delete(PUBLISHED)
    reduced.forget(list(reduced.tasks))
    mapped.forget(list(mapped.tasks))
    return True


def _lacks(store: Store, names: list[str], schema: pa.Schema) -> bool:
    """Whether a column of ``schema`` is in none of the tables ``names``."""
    found = [pq.read_schema(io.BytesIO(store.read(name))).names for name in names]
    return any(set(schema.names) - set(columns) for columns in found)
