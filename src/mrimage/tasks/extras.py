"""What comes along with the edited images: in shards the source's own columns, and those of the
catalogue that the job carries; for files the values that their names consist of."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from mrimage.job.catalogue import catalogue_of
from mrimage.job.columns import carried_name
from mrimage.job.job import Job, Plan
from mrimage.job.name_template import Template, template_of
from mrimage.mappers.keys import KEYS, KEYS_OF_HEADERS
from mrimage.sink.templated import show_value
from mrimage.storage.fields import decode_fields
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
    template = template_of(job.output_name)
    if template is not None:
        return name_values(job, template, row) if row["status"] == "processed" else {}
    if not job.carry:
        return {}
    known = catalogue_of(job).names
    return {carried_name(name): row.get(name) for name in job.carry if name in known}


def extras_of(plan: Plan, entry: Entry, carried: Mapping[str, object]) -> dict[str, object]:
    """The values of ``extras_schema`` for one image."""
    if not plan.job.in_shards:
        return dict(carried)
    own = named_columns(entry.fields, plan.job.taken)
    return {**carried, **fitted(own, plan.columns)}


def name_values(job: Job, template: Template, row: Mapping[str, Any]) -> dict[str, object]:
    """The text of each field of ``template``, by its placeholder, from an image's ``row`` of the
    catalogue: a key by name such as ``year``, or a column."""
    own = named_columns(decode_fields(row["fields"]), job.taken)
    # The keys of a header need no more of an image than this.
    image: Any = SimpleNamespace(metadata=SimpleNamespace(**row), path=row["path"])
    values: dict[str, object] = {}
    for part in template.parts:
        name = part.field
        if name in row or name not in KEYS_OF_HEADERS:
            value = row.get(name, own.get(name))
        else:
            value = KEYS[name](image)
        values[part.placeholder] = show_value(value, part.date_format)
    return values
