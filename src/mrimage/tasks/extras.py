"""What comes along with the edited images in shards: the source's own columns, and those of the
catalogue that the job carries."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mrimage.job.catalogue import catalogue_of
from mrimage.job.columns import carried_name
from mrimage.job.job import Job, Plan
from mrimage.tables.schemas import schema_of_columns
from mrimage.tables.source_columns import fitted, named_columns
from mrimage.types import Entry


def extras_schema(plan: Plan) -> pa.Schema:
    """The columns of what comes along."""
    own = schema_of_columns(plan.columns)
    catalogue = catalogue_of(plan.job)
    carried = [
        catalogue.field(name).with_name(carried_name(name))
        for name in plan.job.carry
        if name in catalogue.names
    ]
    return pa.schema([*own, *(field for field in carried if field.name not in own.names)])


def carried_values(job: Job, row: Mapping[str, object]) -> dict[str, object]:
    """The values of the catalogue that the job carries, from an image's ``row`` there. The source's
    own columns are left out, because they come along anyway."""
    if not job.carry:
        return {}
    known = catalogue_of(job).names
    return {carried_name(name): row.get(name) for name in job.carry if name in known}


def extras_of(plan: Plan, entry: Entry, carried: Mapping[str, object]) -> dict[str, object]:
    """The values of ``extras_schema`` for one image."""
    own = named_columns(entry.fields, plan.job.taken)
    return {**carried, **fitted(own, plan.columns)}
