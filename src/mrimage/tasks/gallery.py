"""The report's thumbnails, and images converted to compare formats; engine tasks make both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import ImageError, StoreError
from mrimage.image import encode
from mrimage.job.job import Plan
from mrimage.reducers.context import Context, open_image, running
from mrimage.sink.files import FileSink
from mrimage.sink.shards import output_uri
from mrimage.tables.schemas import THUMBNAILS
from mrimage.types import Attempt, Edits, TaskReport

SIDE = 320
"""Longest side of a thumbnail in pixels."""

QUALITY = 80
"""JPEG quality of a thumbnail."""

TABLE = "_run/thumbnails.parquet"
"""The table of thumbnails, below OUT."""

LIGHT = Edits(format="webp", quality=80, metadata="strip")
"""The format that the sizes of source images are compared with."""

PER_TASK = 16
"""Thumbnails that a task draws at most."""


@dataclass(frozen=True, slots=True)
class GalleryTask:
    """One task's pictures.

    ``shown`` holds the images to draw as thumbnails, each as (name, whether it is an output of the
    run). ``weighed`` holds the uris of images to convert, to learn their size in another format.
    """

    id: str
    shown: tuple[tuple[str, bool], ...] = ()
    weighed: tuple[str, ...] = ()


def cut_gallery(
    shown: Sequence[tuple[str, bool]], weighed: Sequence[str], workers: int
) -> list[GalleryTask]:
    """List the tasks for the ``(name, is an output)`` pairs of ``shown`` and the uris ``weighed``.

    Each image to convert is a task of its own and comes first, because it is decoded whole.
    """
    tasks = [
        GalleryTask(f"weighed-{number:05}", weighed=(uri,)) for number, uri in enumerate(weighed)
    ]
    per_task = max(1, min(PER_TASK, len(shown) // (2 * workers)))
    for start in range(0, len(shown), per_task):
        some = tuple(shown[start : start + per_task])
        tasks.append(GalleryTask(f"thumbnails-{start:05}", some))
    return tasks


def draw_gallery(plan: Plan, task: GalleryTask, attempt: Attempt) -> TaskReport:
    """Make the task's thumbnails and conversions.

    A thumbnail that cannot be made is left out. Whether an image is bad was decided in the map
    phase, by what the job itself needed of it.
    """
    store = open_out(plan)
    writer = TaskWriter(store, FileSink(store), "thumbnails", task.id, attempt)
    rows: list[dict[str, object]] = []
    with running(Context(plan.job.limits, attempt, plan.stores)) as context:
        rows += [{"uri": uri, "webp": _weigh(uri, context)} for uri in task.weighed]
        shown = []
        for name, is_output in task.shown:
            uri = output_uri(store, name) if is_output else name
            shown.append((name, uri))
        for name, uri in context.ahead(shown, itemgetter(1)):
            picture = context.thumbnail(uri, SIDE, SIDE, "contain")
            if picture is not None:
                height, width = picture.shape[:2]
                jpeg = encode(picture, "jpeg", QUALITY)
                rows.append({"uri": name, "width": width, "height": height, "jpeg": jpeg})
    table = pa.Table.from_pylist(rows, THUMBNAILS)
    return writer.commit(len(rows), 0, {"thumbnails": table})


def _weigh(uri: str, context: Context) -> int | None:
    """The bytes of the image as a WebP file of its size, or None if it cannot be converted."""
    # An earlier attempt may have died of this image: not knowing its size is no loss.
    if context.attempt.careful:
        return None
    try:
        return len(open_image(uri).edited(LIGHT).data)
    except (ImageError, StoreError):
        return None
