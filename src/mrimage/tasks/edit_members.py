"""The task of the second pass: it edits images again, now knowing their groups.

It has the images of one split of map, so that a group with nearly all images is as parallel as any.
Its only effects are what it writes to OUT. It may run twice, at once, on two machines, with the same
result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from mrimage.commit.lease import open_out
from mrimage.commit.task_writer import TaskWriter
from mrimage.job.job import Job, Plan
from mrimage.reducers.context import Context, running
from mrimage.shuffle.values import decode_value
from mrimage.sink import open_sink
from mrimage.tables.schemas import EDITED
from mrimage.tasks.each_image import ImageWork, Opened, handle_images
from mrimage.tasks.edit_member import (
    EditedImage,
    EditedMember,
    ImageMembers,
    edit_member_image,
    failed,
)
from mrimage.tasks.extras import extras_of, extras_schema
from mrimage.tasks.faults import Faults
from mrimage.tasks.trial import Trial
from mrimage.types import Attempt, ByteSource, Entry, Stage, TaskReport

PHASE: Stage = "members"


@dataclass(frozen=True, slots=True)
class MemberSplit:
    """One task's work: images of one split of map, in its order, each with its keys.

    ``id`` is a hash of everything that the results depend on: the images, and what their groups'
    statistics are.
    """

    id: str
    images: tuple[ImageMembers, ...]

    @classmethod
    def of(cls, images: Iterable[ImageMembers]) -> MemberSplit:
        found = tuple(images)
        digest = hashlib.blake2b(digest_size=16)
        for image in found:
            for member in image.members:
                digest.update(member.fingerprint.encode())
        return cls(digest.hexdigest(), found)

    @property
    def size(self) -> int:
        return sum(image.entry.size for image in self.images)


def edit_members(plan: Plan, split: MemberSplit, attempt: Attempt, first: str = "") -> TaskReport:
    """Edit every image of ``split`` under each of its keys, and commit the outputs.

    An image that fails becomes a quarantined row, and the rest of the split goes on. ``first`` is
    the id of the split that holds the first images. Raises StoreError if bytes cannot be read or
    written, and JobError if the job is at fault.
    """
    job = plan.job
    store = open_out(plan)
    sink = open_sink(job, store, split.id, extras_schema(plan))
    writer = TaskWriter(store, sink, PHASE, split.id, attempt)
    rows: list[dict[str, object]] = []
    faults = Faults()
    trial = Trial(over=split.id != first)
    with running(Context(job.limits, attempt, plan.stores, guards_images=False)):
        for result in handle_images(plan, split.images, attempt, _work(job)):
            trial.see(result.failure)
            if result.failure:
                writer.fail(result.failure)
                faults.note(result.failure)
            entry = result.image.entry
            extras = extras_of(plan, entry, decode_value(result.image.carried))
            for edited in result.edited:
                row = _row(edited, failed=result.failure is not None)
                rows.append(row | {"uri": entry.uri})
                if edited.output:
                    writer.image(entry, edited.member.key, edited.output, extras)
    edited_rows = pa.Table.from_pylist(rows, EDITED)
    return writer.commit(len(split.images), split.size, {"edited": edited_rows})


def _work(job: Job) -> ImageWork[ImageMembers, EditedImage]:
    return ImageWork(
        stage=PHASE,
        entry_of=_entry_of,
        begin=_editing,
        failed=failed,
        whole=True,
        has_own_code=bool(job.each or job.edits_function),
        prepared=_one_by_one,
    )


def _entry_of(image: ImageMembers) -> Entry:
    return image.entry


def _one_by_one(job: Job, opened: Iterator[Opened], attempt: Attempt) -> Iterator[Opened]:
    return opened


def _editing(plan: Plan) -> Callable[[ImageMembers, ByteSource], EditedImage]:
    return partial(edit_member_image, plan)


def _row(edited: EditedMember, *, failed: bool) -> dict[str, object]:
    """The row of EDITED."""
    member = edited.member
    row: dict[str, object] = {
        "key": member.key,
        "method": member.method,
        "fingerprint": member.fingerprint,
        "failed": failed,
    }
    if edited.change is not None:
        for when in ("before", "after"):
            lightness, a, b = getattr(edited.change, when)
            row |= {f"lightness_{when}": lightness, f"a_{when}": a, f"b_{when}": b}
        row["clipped"] = edited.change.clipped
    return row
