"""The report's pictures, and images weighed in another format: a bounded choice, made by engine tasks like all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import pyarrow as pa

from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError, StoreError
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


PER_TASK = 16
"""Thumbnails that a task draws at most."""


@dataclass(frozen=True, slots=True)
class GalleryTask:
    """One task's pictures: uris of the source's images and paths of outputs below OUT to show, and uris of images to
    weigh."""

    id: str
    images: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    weighed: tuple[str, ...] = ()


def cut_gallery(
    shown: Sequence[tuple[str, bool]], weighed: Sequence[str], workers: int
) -> list[GalleryTask]:
    """Tasks that draw the ``(name, is an output)`` pairs of ``shown``; and before them a task for each image to weigh,
    since it is decoded whole."""
    tasks = [
        GalleryTask(f"weighed-{number:05}", weighed=(uri,)) for number, uri in enumerate(weighed)
    ]
    per_task = max(1, min(PER_TASK, len(shown) // (2 * workers)))
    for start in range(0, len(shown), per_task):
        part = shown[start : start + per_task]
        images = tuple(name for name, is_output in part if not is_output)
        outputs = tuple(name for name, is_output in part if is_output)
        tasks.append(GalleryTask(f"thumbnails-{start:05}", images, outputs))
    return tasks


def draw_gallery(plan: Plan, task: GalleryTask, attempt: Attempt) -> TaskReport:
    """Make the task's thumbnails. One that cannot be made is left out: whether an image is bad was decided
    before, by what the job itself needed of it."""
    plan.stores.apply()
    store = open_store(plan.out)
    writer = TaskWriter(store, FileSink(store), "thumbnails", task.id, attempt)
    shown = [(uri, uri) for uri in task.images] + [
        (path, output_uri(store, path)) for path in task.outputs
    ]
    rows: list[dict[str, object]] = []
    with running(Context(plan.job.limits, attempt)) as context:
        rows += [{"uri": uri, "webp": _weigh(uri, context)} for uri in task.weighed]
        for name, uri in context.ahead(shown, itemgetter(1)):
            picture = context.thumbnail(uri, SIDE, SIDE, "contain")
            if picture is not None:
                height, width = picture.shape[:2]
                jpeg = encode(picture, "jpeg", 80)
                rows.append({"uri": name, "width": width, "height": height, "jpeg": jpeg})
    return writer.commit(len(rows), 0, {"thumbnails": pa.Table.from_pylist(rows, THUMBNAILS)})


def _weigh(uri: str, context: Context) -> int | None:
    """Bytes of the image as a WebP file of its size; None if it cannot be made, and then it does not count."""
    if context.attempt.careful:
        return None
    try:
        return len(open_image(uri).edited(LIGHT).data)
    except (ImageError, StoreError):
        return None
