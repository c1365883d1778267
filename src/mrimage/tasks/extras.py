"""What comes along with the edited images in shards: the source's own columns, and those of the
catalogue that the job carries."""

from __future__ import annotations

import pyarrow as pa

from mrimage.job.columns import carried_name
from mrimage.job.job import Job, Plan
from mrimage.tables.schemas import catalogue_schema, schema_of_columns
from mrimage.tables.source_columns import fitted, named_columns
from mrimage.tasks.map_image import Mapped


def extras_schema(plan: Plan) -> pa.Schema:
    """The columns of what comes along."""
    own = schema_of_columns(plan.columns)
    catalogue = catalogue_schema(plan.job.built_in, plan.job.own_columns)
    carried = [
        catalogue.field(name).with_name(carried_name(name))
        for name in _carried(plan.job, catalogue)
    ]
    return pa.schema([*own, *(field for field in carried if field.name not in own.names)])


def extras_of(plan: Plan, mapped: Mapped) -> dict[str, object]:
    """The values of ``extras_schema`` for one image."""
    job = plan.job
    catalogue = catalogue_schema(job.built_in, job.own_columns)
    carried = {carried_name(name): mapped.row.get(name) for name in _carried(job, catalogue)}
    own = fitted(named_columns(mapped.entry.fields, job.taken), plan.columns)
    return carried | own


def _carried(job: Job, catalogue: pa.Schema) -> list[str]:
    """The carried columns that are not the source's own, which come along anyway."""
    return [name for name in job.carry if name in catalogue.names]
