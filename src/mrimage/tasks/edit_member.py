"""One image in the second pass: edited under each of its keys, knowing their groups."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrimage.errors import CodeError, ImageError, JobError, StoreError, UsageError, brief
from mrimage.guard.failure import failure_of
from mrimage.guard.memory import was_refused
from mrimage.image import Image
from mrimage.job.edits_by_key import edits_for
from mrimage.job.faults import bad_result_error, code_error
from mrimage.job.functions import name_function
from mrimage.job.job import Each, Job, Plan, checked_edits
from mrimage.reducers.image_call import pixels_of
from mrimage.shuffle.values import decode_value
from mrimage.sink.output import Output
from mrimage.tables.source_columns import named_columns
from mrimage.tasks.kept_pictures import KeptPictures
from mrimage.tasks.statistics import OWN
from mrimage.types import ByteSource, Edits, Entry, Failure

if TYPE_CHECKING:
    from mrimage.commit.task_writer import Made
    from mrimage.image.group.picture import Change

RESULTS = "mrimage.Edits, mrimage.Output, pixels or None"
"""What the job's own ``each`` may return, for messages."""


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group. ``own`` is what it contributes to the group's statistic, and ``goal`` what
    it is to match; None if the job has no statistic. ``fingerprint`` covers both, and the image."""

    key: str
    method: str
    fingerprint: str
    own: bytes
    goal: bytes | None


@dataclass(frozen=True, slots=True)
class ImageMembers:
    """An image, as a member of one group or several. ``carried`` are the values of the catalogue
    that shards have beside its outputs, as encoded plain data."""

    entry: Entry
    members: tuple[Member, ...]
    carried: bytes


@dataclass(frozen=True, slots=True)
class EditedMember:
    """What was made of an image under one key: an output or none. ``change`` is what a group
    correction did."""

    member: Member
    output: Made | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class EditedImage:
    """What was made of an image under each of its keys. With a ``failure`` there are no outputs."""

    image: ImageMembers
    edited: tuple[EditedMember, ...]
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class OwnResult:
    """A file that the job's own code made of an image."""

    data: bytes
    width: int | None
    height: int | None
    extension: str


def edit_member_image(plan: Plan, image: ImageMembers, source: ByteSource) -> EditedImage:
    """Edit one image under each of its keys; an image that fails gives a result too.

    Raises StoreError if its bytes cannot be read now but perhaps later.
    """
    job = plan.job
    entry = image.entry
    fields = named_columns(entry.fields, job.taken)
    opened = Image(
        source,
        job.limits,
        entry.path,
        whole=True,
        fields=fields,
        watermarks=job.watermark_files,
    )
    try:
        edited = tuple(_edit(plan, entry, opened, member) for member in image.members)
    except Exception as error:  # noqa: BLE001  # a bug of ours is recorded as one
        if was_refused(error, pixels_of(opened)):
            error = MemoryError()
        return failed(image, failure_of(entry.uri, "members", error))
    return EditedImage(image, edited)


def failed(image: ImageMembers, failure: Failure) -> EditedImage:
    """The result for an image that failed."""
    return EditedImage(image, tuple(map(EditedMember, image.members)), failure)


def _edit(plan: Plan, entry: Entry, image: Image, member: Member) -> EditedMember:
    job = plan.job
    if member.method == OWN:
        return EditedMember(member, _by_own_code(job, image, member))
    from mrimage.image.group.picture import Matching

    edits = edits_for(job, member.key, image.metadata)
    if not isinstance(edits, Edits) or edits.correct != member.method or member.goal is None:
        raise CodeError(
            f"The function of edits must return the same for an image each time, but under key "
            f"{brief(member.key)} it returned correct={member.method} first, and now {brief(edits)}.",
            "edits that change",
        )
    kept = KeptPictures(plan.pictures).find(entry, edits)
    matching = Matching(decode_value(member.own), decode_value(member.goal), kept)
    made = image.matched(edits, matching)
    return EditedMember(member, made, made.change)


def _by_own_code(job: Job, image: Image, member: Member) -> Made | None:
    each = job.each
    assert each
    statistic = None if member.goal is None else decode_value(member.goal)
    try:
        result: object = each(image, member.key, statistic)
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt):
        raise
    # Not only Exception: SystemExit too, and the panics of libraries written in Rust.
    except BaseException as error:
        raise code_error(_named(each), error) from error
    if result is None:
        return None
    return _made(job, each, image, result)


def _made(job: Job, each: Each, image: Image, result: object) -> Made:
    """The file that ``result``, which is not None, describes. Raises CodeError if it is of no kind
    that can be used."""
    from mrimage.image.pixels import is_pixels

    if isinstance(result, Edits):
        try:
            return image.edited(checked_edits(result))
        except UsageError as error:
            raise _bad(each, "valid edits", str(error).removesuffix(".")) from None
    if isinstance(result, Output):
        return _from_output(job, each, result)
    if is_pixels(result):
        return _from_pixels(each, image, result)
    raise _bad(each, RESULTS, f"it returned {brief(result)}")


def _from_output(job: Job, each: Each, output: Output) -> OwnResult:
    extension = posixpath.splitext(output.name)[1].removeprefix(".").lower()
    if not extension.isalnum() or not extension.isascii():
        received = f"it returned one named {brief(output.name)}"
        raise _bad(each, 'an Output whose name has an extension, such as "x.png"', received)
    try:
        data, width, height = output.encoded()
    except JobError as error:
        raise _bad(each, "an Output that can be written", str(error).removesuffix(".")) from None
    if width is None and job.in_shards:
        received = f"it returned {brief(output.name)}, which is none"
        raise _bad(each, f"images, because --output {job.output} holds only these", received)
    return OwnResult(data, width, height, extension)


def _from_pixels(each: Each, image: Image, pixels: object) -> OwnResult:
    from mrimage.image.encoding import ENCODERS, encoder_for
    from mrimage.image.pixels import encode_pixels

    format = encoder_for("keep", image.metadata.format)
    try:
        data, width, height = encode_pixels(pixels, format)
    except ValueError as error:
        raise _bad(each, "pixels", str(error)) from None
    return OwnResult(data, width, height, ENCODERS[format].extension)


def _named(each: Each) -> str:
    return f"the edit {name_function(each)}"


def _bad(each: Each, expected: str, received: str) -> CodeError:
    return bad_result_error(f"{_named(each)} to return {expected}", received, each)
