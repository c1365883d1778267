"""The report's pictures: a bounded choice of thumbnails, made by engine tasks like everything else."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from mrimage.image import encode
from mrimage.job import Plan
from mrimage.reducers import Context, running
from mrimage.sink.files import FileSink
from mrimage.sink.shards import output_uri
from mrimage.sink.task import TaskWriter
from mrimage.storage import open_store
from mrimage.tables.schemas import THUMBNAILS
from mrimage.types import Attempt, Entry, Split, TaskReport

SIDE = 320
"""Longest side of a thumbnail in pixels."""

TABLE = "_run/thumbnails.parquet"


def cut_wishes(wishes: Sequence[tuple[str, bool]], per_task: int) -> list[Split]:
    """``(uri, is an output)`` pairs as tasks: the entry's path is empty for a picture of the source."""
    entries = [Entry(uri, uri if is_output else "", 0, "") for uri, is_output in wishes]
    return [
        Split(f"thumbnails-{start:05}", tuple(entries[start : start + per_task]))
        for start in range(0, len(entries), per_task)
    ]


def draw_thumbnails(plan: Plan, split: Split, attempt: Attempt) -> TaskReport:
    """Make the split's thumbnails. One that cannot be made is left out: whether an image is bad was decided
    before, by what the job itself needed of it."""
    store = open_store(plan.out)
    writer = TaskWriter(store, FileSink(store), "thumbnails", split.id, attempt)
    rows: list[dict[str, object]] = []
    with running(Context(plan.job.limits, attempt)) as context:
        for entry in split.entries:
            uri = output_uri(store, entry.path) if entry.path else entry.uri
            picture = context.thumbnail(uri, SIDE, SIDE, "contain")
            if picture is not None:
                height, width = picture.shape[:2]
                jpeg = encode(picture, "jpeg", 80)
                rows.append({"uri": entry.uri, "width": width, "height": height, "jpeg": jpeg})
    writer.table("thumbnails", pa.Table.from_pylist(rows, THUMBNAILS))
    return writer.commit(len(rows), 0)
