"""Which errors are an image's own fault, and how they are recorded."""

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

OUT_OF_MEMORY = "The image needed more memory than it was allowed."

CARELESS = "it ran out of memory"
"""Why an attempt is followed by a careful one; completes "failed, because ..."."""


def failure_of(uri: str, stage: Stage, error: Exception) -> Failure:
    """The quarantine row for ``error``.

    An error of unknown kind gets the reason ``internal``: it is a bug of ours. Raises ``error``
    again if it is not the image's fault: a transient StoreError, for which the task is retried, and
    an error of the job.
    """
    # The text of a user's error may hold lone surrogates, which Parquet cannot store.
    message = _storable(str(error))
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
    return Failure(uri, stage, "internal", _storable(str(internal(error))))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
