"""Which errors are an image's own, and how they are recorded."""

from __future__ import annotations

from mrimage.errors import (
    CodeError,
    DeniedError,
    ImageError,
    MrimageError,
    NotFoundError,
    StoreError,
    internal,
)
from mrimage.types import Failure, Stage

OUT_OF_MEMORY = "It was refused the memory that it asked for."

CARELESS = "it ran out of memory"
"""Why an attempt gives way to a careful one."""


def failure_of(uri: str, stage: Stage, error: Exception) -> Failure:
    """The quarantine row for ``error``; one that nobody raised on purpose is ``internal``, a fault of our own.

    A StoreError that may pass is raised again: the task is to be retried, not the image to be blamed. So is what
    the job is at fault for.
    """
    # Text of a user's error may hold lone surrogates, which no table takes.
    message = str(error).encode("utf-8", "replace").decode()
    match error:
        case CodeError():
            return Failure(uri, stage, error.reason, message, error.kind)
        case ImageError():
            return Failure(uri, stage, error.reason, message)
        case NotFoundError():
            return Failure(uri, stage, "vanished", message)
        case DeniedError():
            return Failure(uri, stage, "unreadable", message)
        case StoreError() if not error.transient:
            return Failure(uri, stage, "unreadable", message)
        case MemoryError():
            return Failure(uri, stage, "out-of-memory", OUT_OF_MEMORY)
        case MrimageError():
            raise error
    return Failure(uri, stage, "internal", str(internal(error)).encode("utf-8", "replace").decode())
