"""Every option of a job and of a run, once: its name, what kind of value it takes, and what it
means.

The command line, its help, TOML files, the checks of a Job made in Python and the guide's tables
all read this table. Defaults stand with the dataclasses, see ``defaults``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from mrimage.errors import UsageError, brief
from mrimage.image.features import EXTRACTORS
from mrimage.image.names import COLOR_SPACES, CORRECTION_NAMES, ENCODER_NAMES
from mrimage.job.option_types import (
    BYTES,
    COLOR,
    CROP,
    FLAG,
    FUNCTION,
    MOST,
    PATTERNS,
    SECONDS,
    SHARE,
    SIZE,
    TEXT,
    OptionType,
    names,
    one_of,
    whole,
)
from mrimage.types import Fit

Owner = Literal["Job", "Edits", "Limits", "RunOptions", "StoreSettings"]

OUTPUTS = ("files", "webdataset", "parquet")
"""What ``--output`` takes."""

MOST_WORKERS = 4096
"""More are a slip of the hand, and on one machine they would take it down before the first task."""


@dataclass(frozen=True, slots=True)
class Field:
    """One option. ``owner`` is the dataclass that has a field of this ``name``.

    ``option`` is its name on the command line, ``""`` where it has none there; by default it is
    made of ``name``. ``default`` says in words what happens without it, where the default value
    does not say that.
    """

    name: str
    type: OptionType
    help: str
    owner: Owner = "Job"
    option: str | None = None
    metavar: str = ""
    default: str = ""
    repeatable: bool = False

    @property
    def flag(self) -> str:
        """The option on the command line: ``--shard-size``."""
        return f"--{self.name.replace('_', '-')}" if self.option is None else self.option


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that belong together, under a title in the help and in the guide."""

    title: str
    fields: tuple[Field, ...]
    note: str = ""


JOB = Section(
    "what to do",
    (
        Field(
            "key",
            names("K[,K...]"),
            "group by; several make a compound key",
            repeatable=True,
        ),
        Field(
            "extract",
            names("NAME[,NAME...]", tuple(EXTRACTORS)),
            "columns of the catalogue that map computes",
            repeatable=True,
        ),
        Field("group", names("NAME"), "a group reducer", default="none", repeatable=True),
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
            "needs",
            names("NAME[,NAME...]", tuple(EXTRACTORS)),
            "extractors whose columns reach the job's own reducer with the values",
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
            "only files that match, whatever their extension",
            default="image extensions, and names without any",
            repeatable=True,
        ),
        Field(
            "exclude", PATTERNS, "no files or folders that match", default="none", repeatable=True
        ),
        Field("all_files", FLAG, "try every file by its content, hidden files too"),
    ),
)

EDITS = Section(
    "edits",
    (
        Field("crop", CROP, "cut out a rectangle, in the middle without +X+Y", "Edits"),
        Field("resize", SIZE, "fit the image to a box of W x H pixels", "Edits"),
        Field("fit", one_of(*get_args(Fit), metavar="FIT"), "how --resize fits", "Edits"),
        Field(
            "enlarge",
            FLAG,
            "leave images smaller than the box at their size",
            "Edits",
            option="--no-enlarge",
        ),
        Field(
            "to",
            one_of(*COLOR_SPACES, metavar="SPACE"),
            "convert the colors",
            "Edits",
            default="as they are",
        ),
        Field(
            "correct", one_of(*CORRECTION_NAMES, metavar="METHOD"), "correct the colors", "Edits"
        ),
        Field("format", one_of(*ENCODER_NAMES, metavar="FORMAT"), "encode as", "Edits"),
        Field(
            "quality",
            whole(1, 100),
            "quality of a lossy format, from 1 to 100",
            "Edits",
            default="85 for JPEG, 80 for WebP, 60 for AVIF",
        ),
        Field("background", COLOR, "color behind transparency and around --fit pad", "Edits"),
        Field(
            "metadata",
            one_of("keep", "copyright", "strip", metavar="WHICH"),
            "which of the source's metadata the output keeps",
            "Edits",
        ),
    ),
    note="applied to each image in this order: orient, crop, resize, color, correct, encode",
)

SINK = Section(
    "where edited images go",
    (
        Field(
            "output",
            one_of(*OUTPUTS, metavar="SINK"),
            "a file each, or shards in tar or Parquet files",
        ),
        Field("shard_size", BYTES, "most bytes of a shard, about", default="256MB"),
    ),
)

LIMITS = Section(
    "limits",
    (
        Field("deadline", SECONDS, "seconds that one image may take", "Limits"),
        Field("max_pixels", whole(1, MOST), "most pixels decoded at once", "Limits"),
        Field("memory", BYTES, "most memory of a worker", "Limits"),
        Field("allow_truncated", FLAG, "keep what decodes of a cut-off file", "Limits"),
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
            "processes; 1 stays in this one",
            "RunOptions",
            default="one per core",
        ),
        Field("retries", whole(0, 100), "how often a failed task is tried again", "RunOptions"),
        Field(
            "speculate",
            FLAG,
            "never race a second attempt against a slow task",
            "RunOptions",
            "--no-speculation",
        ),
        Field(
            "max_failures",
            SHARE,
            "quarantined images to tolerate",
            "RunOptions",
            default="any number",
        ),
        Field("fresh", FLAG, "start over: remove what an earlier run left in OUT", "RunOptions"),
        Field("quiet", FLAG, "print no progress and no summary", "RunOptions"),
        Field("thumbnails", FLAG, "decode nothing for the report", "RunOptions", "--no-thumbnails"),
        Field("strict", FLAG, "stop if a folder of SOURCE cannot be listed", "RunOptions"),
    ),
)

STORES = Section(
    "how to reach stores",
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
            "DataNodes that keep each file written to HDFS",
            "StoreSettings",
            default="the cluster's own",
        ),
        Field(
            "allow_private",
            FLAG,
            "let the urls of a list lead to private addresses",
            "StoreSettings",
        ),
    ),
)

JOB_SECTIONS = (JOB, FILES, EDITS, SINK, LIMITS)
RUN_SECTIONS = (RUN, STORES)

JOB_FIELDS: Mapping[str, Field] = {
    field.name: field for section in JOB_SECTIONS for field in section.fields
}
"""Every option of a job: what changes its results."""

RUN_FIELDS: Mapping[str, Field] = {
    field.name: field for section in RUN_SECTIONS for field in section.fields
}
"""Every option of a run: how it is done, and how stores are reached."""


def check_fields(instance: Any, table: Iterable[Field], prefix: str = "") -> dict[str, Any]:
    """The values of ``instance``, a dataclass, for the fields of ``table`` that it owns, in
    their canonical form.

    Raises UsageError for a value of the wrong kind; it names the field, after ``prefix``. None
    passes where it is the default.
    """
    defaults = {field.name: field.default for field in fields(instance)}
    owners = {kind.__name__ for kind in type(instance).__mro__}
    values: dict[str, Any] = {}
    for field in table:
        if field.owner not in owners:
            continue
        given = getattr(instance, field.name)
        unset = given is None and defaults[field.name] is None
        values[field.name] = (
            None if unset else field.type.from_python(f"{prefix}{field.name}", given)
        )
    return values


def require_instance(name: str, value: object, kind: type) -> None:
    """Raise UsageError unless ``value`` is a ``kind``."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} needs mrimage.{kind.__name__}(...), but got {brief(value)}.")
