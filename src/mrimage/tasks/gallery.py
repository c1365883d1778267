"""The report's pictures, and images weighed in another format: a bounded choice, made by engine tasks like all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import pyarrow as pa

from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError, StoreError
from mrimage.guard.deadline import deadline
from mrimage.image import encode
from mrimage.job.job import Plan
from mrimage.reducers import Context, running
from mrimage.reducers.context import open_image
from mrimage.sink.files import FileSink
from mrimage.sink.shards import output_uri
from mrimage.storage import open_store
from mrimage.tables.schemas import THUMBNAILS
from mrimage.types import Attempt, Edits, TaskReport

SIDE = 320
"""Longest side of a thumbnail in pixels."""

TABLE = "_run/thumbnails.parquet"

LIGHT = Edits(format="webp", quality=80, metadata="strip")
"""What a format is weighed against."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One task: ``pictures`` to draw small, each as (name, whether it is an output of the run), and uris of images to
    weigh in another format."""

    id: str
    pictures: tuple[tuple[str, bool], ...] = ()
    weighed: tuple[str, ...] = ()


def cut_wishes(
    wishes: Sequence[tuple[str, bool]], weighed: Sequence[str], workers: int
) -> list[Drawing]:
    """Tasks that draw the ``(name, is an output)`` pairs; and before them a task for each image to weigh, since it is
    decoded whole."""
    per_task = max(1, min(16, len(wishes) // (2 * workers)))
    return [
        *(Drawing(f"weighed-{number:05}", weighed=(uri,)) for number, uri in enumerate(weighed)),
        *(
            Drawing(f"thumbnails-{start:05}", tuple(wishes[start : start + per_task]))
            for start in range(0, len(wishes), per_task)
        ),
    ]


def draw_thumbnails(plan: Plan, drawing: Drawing, attempt: Attempt) -> TaskReport:
    """Make the pictures of ``drawing``. One that cannot be made is left out: whether an image is bad was decided
    before, by what the job itself needed of it."""
    store = open_store(plan.out, plan.stores)
    writer = TaskWriter(store, FileSink(store), "thumbnails", drawing.id, attempt)
    rows: list[dict[str, object]] = []
    with running(Context(plan.job.limits, attempt, plan.stores)) as context:
        rows += [{"uri": uri, "webp": _weigh(uri, context)} for uri in drawing.weighed]
        shown = [
            (name, output_uri(store, name) if is_output else name)
            for name, is_output in drawing.pictures
        ]
        for name, uri in context.ahead(shown, itemgetter(1)):
            picture = context.thumbnail(uri, SIDE, SIDE, "contain")
            if picture is not None:
                height, width = picture.shape[:2]
                jpeg = encode(picture, "jpeg", 80)
                rows.append({"uri": name, "width": width, "height": height, "jpeg": jpeg})
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
