"""What an older version of mrimage committed: its tables may lack columns of today's."""

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
    """Forget everything that is committed if its tables lack a column of today's.

    The run then maps all images again. Returns whether the tables lacked one. Only one table of
    each kind is read, because all of them are of one version: a run that finds an older version
    forgets everything.
    """
    mapped = Committed(store, "map")
    reduced = Committed(store, "reduce")
    catalogue = mapped.tables("catalogue")[:1]
    records = mapped.tables("records")[:1]
    lacks_columns = _lacks_columns(
        store, catalogue, catalogue_schema(job.built_in, job.own_columns)
    )
    if not lacks_columns and not _lacks_columns(store, records, RECORDS):
        return False
    # Outputs that are not made again have to be swept.
    store.write(UNCLEAN, b"")
    store.delete(PUBLISHED)
    reduced.forget(list(reduced.tasks))
    mapped.forget(list(mapped.tasks))
    return True


def _lacks_columns(store: Store, names: list[str], schema: pa.Schema) -> bool:
    """Whether any of the tables ``names`` lacks a column of the schema."""
    wanted = set(schema.names)
    for name in names:
        found = pq.read_schema(io.BytesIO(store.read(name)))
        if not wanted.issubset(found.names):
            return True
    return False
