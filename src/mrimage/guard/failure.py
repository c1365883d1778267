"""Which errors are an image's own, and how they are recorded."""

from __future__ import annotations

from mrimage.errors import CodeError, DeniedError, ImageError, NotFoundError, StoreError
from mrimage.types import Failure, Stage

OUT_OF_MEMORY = "It was refused the memory that it asked for."


def failure_of(uri: str, stage: Stage, error: Exception) -> Failure:
    """The quarantine row for ``error``. A StoreError that may pass is raised again: the task is to be retried,
    not the image to be blamed."""
    match error:
        case CodeError():
            return Failure(uri, stage, error.reason, str(error), error.kind)
        case ImageError():
            return Failure(uri, stage, error.reason, str(error))
        case NotFoundError():
            return Failure(uri, stage, "vanished", str(error))
        case DeniedError():
            return Failure(uri, stage, "unreadable", str(error))
        case StoreError() if not error.transient:
            return Failure(uri, stage, "unreadable", str(error))
        case MemoryError():
            return Failure(uri, stage, "out-of-memory", OUT_OF_MEMORY)
    raise error
