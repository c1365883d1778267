"""The values of a job that was written in Python, held against what they may be: those of the command line and of TOML
files have been parsed, these have not."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import fields

import msgspec

from mrimage.errors import UsageError, brief, unknown
from mrimage.image import COLOR_SPACES, CORRECTIONS, ENCODERS
from mrimage.job.job import Job
from mrimage.types import Edits, Limits

NAMES = ("key", "extract", "group", "include", "exclude")
FUNCTIONS = ("map", "combine", "reduce")


def check_values(job: Job) -> None:
    """Raise UsageError, naming the field, for a value that is none. What it would do instead is to fail on each image."""
    for name in FUNCTIONS:
        if not (getattr(job, name) is None or callable(getattr(job, name))):
            raise _expected(name, "a function", getattr(job, name))
    for name in NAMES:
        if not all(isinstance(item, str) for item in getattr(job, name)):
            raise _expected(name, "text, or several", getattr(job, name))
        if not all(is_unicode(item) for item in getattr(job, name)):
            raise _expected(
                name, "valid Unicode (in a pattern, ? stands for what is none)", getattr(job, name)
            )
    if not job.key and job.map is None:
        raise _expected("key", "at least one name", job.key)
    _within("shard_size", job.shard_size, range(1, 1 << 62))
    _check_types("limits", job.limits)
    _check_limits(job.limits)
    if job.edits:
        _check_types("edits", job.edits)
        _check_edits(job.edits)


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be written down; names of files on a command line need not."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _check_types(name: str, value: Edits | Limits) -> None:
    kind = type(value)
    for field in fields(kind):
        given = getattr(value, field.name)
        try:
            msgspec.convert({field.name: msgspec.to_builtins(given)}, kind)
        except (TypeError, msgspec.ValidationError):
            raise _expected(
                f"{name}.{field.name}", f"mrimage.{kind.__name__} says", given
            ) from None


def _check_edits(edits: Edits) -> None:
    for name, value, known in (
        ("edits.to", edits.to, COLOR_SPACES),
        ("edits.correct", edits.correct, CORRECTIONS),
        ("edits.format", edits.format, ENCODERS),
    ):
        if value is not None and value not in known:
            raise unknown(name, value, known)
    _within("edits.resize", edits.resize, range(1, 65536))
    _within("edits.quality", edits.quality, range(1, 101))
    _within("edits.background", edits.background, range(256))
    if edits.crop:
        _within("edits.crop", (edits.crop.width, edits.crop.height), range(1, 1 << 31))
        if (edits.crop.x is None) != (edits.crop.y is None):
            raise _expected("edits.crop", "both x and y, or none of them", edits.crop)
        _within(
            "edits.crop",
            tuple(side for side in (edits.crop.x, edits.crop.y) if side is not None),
            range(1 << 31),
        )


def _check_limits(limits: Limits) -> None:
    _within("limits.max_pixels", limits.max_pixels, range(1, 1 << 62))
    _within("limits.memory", limits.memory, range(1, 1 << 62))
    if not (0 < limits.deadline < math.inf):
        raise _expected("limits.deadline", "a number of seconds above 0", limits.deadline)


def _within(name: str, value: int | tuple[int, ...] | None, allowed: range) -> None:
    numbers: Container[int] = allowed
    values = () if value is None else value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int) and number in numbers for number in values):
        raise _expected(name, f"a number from {allowed.start} to {allowed.stop - 1}", value)


def _expected(name: str, what: str, received: object) -> UsageError:
    return UsageError(f"Expected {name} of the job as {what}, but received {brief(received)}.")
