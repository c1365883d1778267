"""The columns of a job's catalogue."""

from __future__ import annotations

import pyarrow as pa

from mrimage.job.job import Job
from mrimage.tables.column_types import Columns
from mrimage.tables.found import SCHEMAS
from mrimage.tables.found_names import found_columns
from mrimage.tables.schemas import catalogue_schema, mapped_schema


def catalogue_of(job: Job, source: Columns = ()) -> pa.Schema:
    """The columns that map knows of the catalogue that ``job`` publishes. ``source`` are the
    source's own."""
    return catalogue_schema(job.built_in, job.embedding_length, (*job.own_columns, *source))


def published_catalogue_of(job: Job, source: Columns = ()) -> pa.Schema:
    """The same with the columns that the catalogue takes from the tables of programs."""
    schema = catalogue_of(job, source)
    for found in found_columns(job.find):
        for name in found.columns:
            schema = schema.append(SCHEMAS[found.table].field(name))
    return schema


def mapped_catalogue_of(job: Job) -> pa.Schema:
    """The columns of the catalogue's parts that map commits."""
    return mapped_schema(job.built_in, job.embedding_length, job.own_columns)
