"""The report's pictures, and images weighed in another format: a bounded choice, made by engine tasks like all else."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError, StoreError
from mrimage.guard.deadline import deadline
from mrimage.image import encode
from mrimage.job.job import Plan
from mrimage.reducers import Context, running
from mrimage.reducers.context import open_image
from mrimage.sink.files import FileSink
from mrimage.sink.shards import output_uri
from mrimage.tables.schemas import THUMBNAILS
from mrimage.types import Attempt, Edits, Entry, Split, TaskReport

SIDE = 320
"""Longest side of a thumbnail in pixels."""

TABLE = "_run/thumbnails.parquet"

WEIGH = "weigh"
"""The version of an entry that is to be weighed, not shown."""

LIGHT = Edits(format="webp", quality=80, metadata="strip")
"""What a format is weighed against."""


def cut_wishes(
    wishes: Sequence[tuple[str, bool]], weighed: Sequence[str], workers: int
) -> list[Split]:
    """Tasks that draw the ``(uri, is an output)`` pairs, whose entry has no path for a picture of the source; and
    before them a task for each image to weigh, since it is decoded whole."""
    entries = [Entry(uri, uri if is_output else "", 0, "") for uri, is_output in wishes]
    per_task = max(1, min(16, len(wishes) // (2 * workers)))
    return [
        *(
            Split(f"weighed-{number:05}", (Entry(uri, "", 0, WEIGH),))
            for number, uri in enumerate(weighed)
        ),
        *(
            Split(f"thumbnails-{start:05}", tuple(entries[start : start + per_task]))
            for start in range(0, len(entries), per_task)
        ),
    ]


def draw_thumbnails(plan: Plan, split: Split, attempt: Attempt) -> TaskReport:
    """Make the split's thumbnails. One that cannot be made is left out: whether an image is bad was decided
    before, by what the job itself needed of it."""
    plan.stores.apply()
    store = open_out(plan)
    writer = TaskWriter(store, FileSink(store), "thumbnails", split.id, attempt)
    rows: list[dict[str, object]] = []
    with running(Context(plan.job.limits, attempt)) as context:
        weighed = [entry.uri for entry in split.entries if entry.version == WEIGH]
        rows += [{"uri": uri, "webp": _weigh(uri, context)} for uri in weighed]
        shown = [
            (entry, output_uri(store, entry.path) if entry.path else entry.uri)
            for entry in split.entries
            if entry.version != WEIGH
        ]
        for entry, uri in context.ahead(shown, itemgetter(1)):
            picture = context.thumbnail(uri, SIDE, SIDE, "contain")
            if picture is not None:
                height, width = picture.shape[:2]
                jpeg = encode(picture, "jpeg", 80)
                rows.append({"uri": entry.uri, "width": width, "height": height, "jpeg": jpeg})
    return writer.commit(len(rows), 0, {"thumbnails": pa.Table.from_pylist(rows, THUMBNAILS)})


def _weigh(uri: str, context: Context) -> int | None:
    """Bytes of the image as a WebP file of its size; None where that cannot be had, which decides nothing."""
    if context.attempt.careful:
        return None
    try:
        with deadline(context.limits.deadline, context.attempt.expendable):
            return len(open_image(uri).edited(LIGHT).data)
    except (ImageError, StoreError, MemoryError):
        return None
