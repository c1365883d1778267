"""The table of all options of a job and of a run: the name, the type of the value and the meaning.

The command line, its help, TOML files, the checks of a Job in Python and the guide's tables all use
this table. The default values are in the dataclasses; see ``defaults``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from mrimage.errors import UsageError, brief
from mrimage.image.extractors import EXTRACTORS
from mrimage.job.edit_fields import EDITS
from mrimage.job.field import Field, Section
from mrimage.job.model_fields import MODEL
from mrimage.job.option_types import (
    BYTES,
    CLUSTERS,
    FLAG,
    FUNCTION,
    KEYS_OF_IMAGES,
    MOST,
    NAME,
    PATTERNS,
    SECONDS,
    SHARE,
    STATISTIC,
    TEXT,
    edits_type,
    names,
    one_of,
    whole,
)
from mrimage.job.own_extractor import EXTRACT
from mrimage.job.rule_options import RuleOptions

ORIGINALS = "originals"
"""The value of ``--output`` that copies the originals."""

OUTPUTS = ("files", ORIGINALS, "webdataset", "parquet")
"""The values of ``--output``."""

MOST_WORKERS = 4096
"""A larger number is a typing error. On one machine it would use up all memory before the first
task."""

JOB = Section(
    "what to do",
    (
        Field(
            "key",
            KEYS_OF_IMAGES,
            "group by this; several names make a compound key",
            repeatable=True,
        ),
        Field(
            "extract",
            EXTRACT,
            "columns of the catalogue that map computes",
            repeatable=True,
        ),
        Field(
            "examples",
            TEXT,
            "label images by examples: a folder with a folder of images for each label",
            metavar="FOLDER",
            default="none",
        ),
        Field("group", names("NAME"), "a group reducer", default="none", repeatable=True),
        Field("find", names("NAME"), "what to look for", default="none", repeatable=True),
        Field(
            "similar",
            one_of("copies", "same-picture", "same-scene", metavar="HOW"),
            "what --find duplicates takes for one picture",
        ),
        Field(
            "keep",
            names("WHICH"),
            "which copy is the one to keep: best, largest, oldest, original or first, or folders by "
            "preference",
        ),
        Field("clusters", CLUSTERS, "how many clusters --find clusters makes"),
        Field(
            "map",
            FUNCTION,
            "the job's own mapper: (image) -> (key, value) pairs",
            option="",
            default="by key",
        ),
        Field(
            "combine",
            FUNCTION,
            "shrinks values inside one map task: (key, values) -> values",
            option="",
        ),
        Field("reduce", FUNCTION, "the job's own reducer: (key, values) -> outputs", option=""),
        Field(
            "statistic",
            STATISTIC,
            "what each image contributes to its group, and how contributions combine",
            option="",
            default="none",
        ),
        Field(
            "each",
            FUNCTION,
            "the job's own edit of each image: (image, key, statistic) -> output",
            option="",
            default="none",
        ),
        Field(
            "program",
            FUNCTION,
            "the job's own program: (table) -> yields rounds, returns outputs",
            option="",
        ),
        Field(
            "needs",
            names("NAME[,NAME...]", tuple(EXTRACTORS)),
            "extractors whose columns the job's own reducer and program get with the values",
            option="",
            default="none",
        ),
    ),
)

FILES = Section(
    "which files",
    (
        Field(
            "include",
            PATTERNS,
            "only files that match, with any extension",
            default="files with an image extension or none",
            repeatable=True,
        ),
        Field(
            "exclude",
            PATTERNS,
            "leave out files and folders that match",
            default="none",
            repeatable=True,
        ),
        Field(
            "all_files",
            FLAG,
            "look into every file, even hidden ones and those of another extension",
        ),
        Field(
            "sample",
            SHARE,
            "take only so many images, at random; the same ones each time",
            default="all",
        ),
        Field("limit", whole(1, MOST), "take only the first images, by uri", default="all"),
        Field(
            "from_out",
            TEXT,
            "take only images that an earlier run of the same SOURCE has in its catalogue",
            option="--from",
            metavar="OUT",
            default="all",
        ),
        Field(
            "where",
            TEXT,
            "of these, take only those that a condition in SQL selects",
            metavar="SQL",
            default="all",
        ),
    ),
)

RULE_OPTIONS = RuleOptions(EDITS.fields)

RULES = Section(
    "edits by key",
    (
        Field(
            "rules",
            RULE_OPTIONS.option_type(),
            "edits for the images under a key (a pattern); the first rule that matches applies, with "
            "the options above where it has none of its own; skip=true: no output; copy=true: the "
            "original bytes",
            option="--rule",
            default="none",
            repeatable=True,
        ),
        Field(
            "edits",
            edits_type(),
            "the job's own edits by key: (key, metadata) -> edits, or None for no output",
            option="",
            default="the options above",
        ),
    ),
)

SINK = Section(
    "where images go",
    (
        Field(
            "output",
            one_of(*OUTPUTS, metavar="SINK"),
            "one file per image, the originals as they are, or shards in tar or Parquet files",
        ),
        Field(
            "output_name",
            NAME,
            "name of each output, such as {year}/{camera}/{stem}, of any columns of the catalogue",
            option="--name",
            default="<key>/<path>",
        ),
        Field("shard_size", BYTES, "approximate maximum size of a shard", default="256MB"),
        Field(
            "carry",
            names("NAME[,NAME...]"),
            "columns of the catalogue that shards have beside the images",
            default="the source's own columns",
            repeatable=True,
        ),
        Field(
            "shuffle",
            whole(0, MOST, "SEED"),
            "put images into shards in random order",
            default="by uri",
        ),
    ),
)

LIMITS = Section(
    "limits",
    (
        Field("deadline", SECONDS, "maximum seconds per image", "Limits"),
        Field("max_pixels", whole(1, MOST), "maximum number of pixels decoded at once", "Limits"),
        Field("memory", BYTES, "maximum memory of a worker", "Limits"),
        Field("allow_truncated", FLAG, "keep the readable part of a truncated file", "Limits"),
    ),
)

RUN = Section(
    "how to run",
    (
        Field(
            "engine",
            TEXT,
            "where it runs; local: processes of this machine; spark: the session that spark-submit "
            "provides, or Spark on this machine; a Spark master: spark://HOST:PORT, local[N], yarn, "
            "k8s://URL; ray: the cluster that is running, or Ray on this machine; ray://HOST:PORT",
            "RunOptions",
            metavar="ENGINE",
        ),
        Field(
            "workers",
            whole(1, MOST_WORKERS),
            "number of processes; 1 uses this one only",
            "RunOptions",
            default="one per core",
        ),
        Field(
            "retries", whole(0, 100), "how many times a failed task is tried again", "RunOptions"
        ),
        Field(
            "speculate",
            FLAG,
            "never start a second attempt at a slow task",
            "RunOptions",
            "--no-speculation",
        ),
        Field(
            "max_failures",
            SHARE,
            "how many quarantined images to tolerate",
            "RunOptions",
            default="any number",
        ),
        Field(
            "fresh", FLAG, "start over: remove the results of an earlier run from OUT", "RunOptions"
        ),
        Field("quiet", FLAG, "print no progress and no summary", "RunOptions"),
        Field(
            "thumbnails", FLAG, "decode no images for the report", "RunOptions", "--no-thumbnails"
        ),
        Field("strict", FLAG, "stop if a folder of SOURCE cannot be listed", "RunOptions"),
        Field("title", TEXT, "the title of the report", "RunOptions", default="none"),
        Field(
            "owner",
            TEXT,
            "whose report it is, such as a name or a team",
            "RunOptions",
            default="none",
        ),
    ),
)

STORES = Section(
    "stores",
    (
        Field(
            "endpoint",
            TEXT,
            "url of an S3 server",
            "StoreSettings",
            metavar="URL",
            default="AWS_ENDPOINT_URL, or Amazon's",
        ),
        Field(
            "addressing",
            one_of("path", "virtual", metavar="STYLE"),
            "how S3 buckets are addressed",
            "StoreSettings",
            default="path",
        ),
        Field(
            "replication",
            whole(1, 512),
            "number of copies of each file written to HDFS",
            "StoreSettings",
            default="the cluster's setting",
        ),
        Field(
            "allow_private",
            FLAG,
            "allow urls of a list that lead to private addresses",
            "StoreSettings",
        ),
    ),
)

JOB_SECTIONS = (JOB, MODEL, FILES, EDITS, RULES, SINK, LIMITS)
RUN_SECTIONS = (RUN, STORES)

JOB_FIELDS: Mapping[str, Field] = {
    field.name: field for section in JOB_SECTIONS for field in section.fields
}
"""Every option of a job, which may change its results."""

RUN_FIELDS: Mapping[str, Field] = {
    field.name: field for section in RUN_SECTIONS for field in section.fields
}
"""Every option of a run, which changes no results."""


def check_fields(instance: Any, table: Iterable[Field], prefix: str = "") -> dict[str, Any]:
    """Return the values of ``instance``, a dataclass, in canonical form: those of the fields in
    ``table`` that it owns.

    Raises UsageError for a value of the wrong type. The error names the field after ``prefix``.
    None is valid where it is the default.
    """
    defaults = {field.name: field.default for field in fields(instance)}
    owners = {cls.__name__ for cls in type(instance).__mro__}
    values: dict[str, Any] = {}
    for field in table:
        if field.owner not in owners:
            continue
        given = getattr(instance, field.name)
        if given is None and defaults[field.name] is None:
            values[field.name] = None
        else:
            values[field.name] = field.type.from_python(f"{prefix}{field.name}", given)
    return values


def require_instance(name: str, value: object, cls: type) -> None:
    """Raise UsageError unless ``value`` is an instance of ``cls``."""
    if not isinstance(value, cls):
        raise UsageError(f"{name} needs mrimage.{cls.__name__}(...), but got {brief(value)}.")
