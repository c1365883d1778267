"""Everything that can go wrong, drawn:

    MrimageError
    ├── UsageError          the command or the job is not well-formed                        exit status 2
    ├── JobError            the job could not be done                                       exit status 1
    │   ├── SourceError     the source is missing, empty or unreadable
    │   ├── SinkError       OUT cannot be written, is not ours, or is in use
    │   ├── EngineError     the engine is missing or gave up on a task
    │   ├── BudgetError     more images were quarantined than --max-failures allows
    │   └── AccountingError listed is not processed + quarantined
    ├── StoreError          bytes could not be read or written; ``transient`` ones are retried
    │   ├── NotFoundError
    │   └── DeniedError
    └── ImageError          one image is bad; it is quarantined with a reason, the job goes on

Messages follow one formula: what was expected, for what, what was received, what to do.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

REASONS = {
    "not-an-image": "the content is of no known image format",
    "truncated": "the file ends before the image does",
    "corrupt": "the content contradicts its format",
    "too-large": "the image is over a limit (--max-pixels, or an archive's bound)",
    "unsupported": "no decoder here reads this kind of image, or an edit cannot be made on it",
    "empty": "the file has no bytes",
    "vanished": "the file was listed but is gone",
    "changed": "the file is not the one that was listed",
    "unreadable": "the store refused or failed to give the bytes",
    "crashed": "the decoder killed its process",
    "timed-out": "the image took longer than --deadline",
    "out-of-memory": "the image asked for more memory than a guarded attempt has",
    "mapper-failed": "the job's own code raised an error on this image",
}
"""Every reason for quarantine, with its meaning."""


class MrimageError(Exception):
    """Base of every error that mrimage raises on purpose."""


class UsageError(MrimageError):
    """The command or the job description is not well-formed."""


class JobError(MrimageError):
    """The job could not be done."""


class SourceError(JobError):
    """The source is missing, empty or unreadable."""


class SinkError(JobError):
    """OUT cannot be written, is not ours, or is in use."""


class EngineError(JobError):
    """The engine is missing, or gave up on a task."""


class BudgetError(JobError):
    """More images were quarantined than the run tolerates."""


class AccountingError(JobError):
    """Images listed do not equal images processed plus images quarantined."""


class StoreError(MrimageError):
    """Bytes could not be read or written. ``transient`` says whether trying again may help, ``after`` that the store asks
    for so many seconds of rest before."""

    def __init__(self, message: str, *, transient: bool = False, after: float = 0.0) -> None:
        super().__init__(message)
        self.transient = transient
        self.after = after

    def __reduce__(self) -> tuple[object, ...]:
        return (_store_error, (type(self), str(self), self.transient, self.after))


class NotFoundError(StoreError):
    """There is nothing of this name."""


class DeniedError(StoreError):
    """The store knows us and says no, or does not know us."""


class ImageError(MrimageError):
    """One image cannot be handled; ``reason`` is a key of REASONS."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (ImageError, (self.reason, str(self)))


def brief(value: object) -> str:
    """What was received, on one line of bounded length.

    >>> brief([7, None]), brief("x" * 1000)
    ('[7, None]', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'")
    """
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return " ".join(short.repr(value).split())


def describe(error: BaseException) -> str:
    """What an error of anybody's code says, also where it cannot say it.

    >>> describe(ValueError("no")), describe(SystemExit())
    ('ValueError: no', 'SystemExit')
    """
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # code of the user's, as the error is
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _store_error(kind: type[StoreError], message: str, transient: bool, after: float) -> StoreError:
    return kind(message, transient=transient, after=after)


def unknown(what: str, received: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not among the known ones: the nearest one first, then all of them.

    >>> str(unknown("--key", "camra", ["camera", "format"]))
    'Expected --key as one of camera, format, but received "camra". Did you mean "camera"?'
    >>> str(unknown("--group", "sheet", ["contact-sheet", "mean"]))
    'Expected --group as one of contact-sheet, mean, but received "sheet". Did you mean "contact-sheet"?'
    """
    names = sorted(known)
    near = difflib.get_close_matches(received, names, n=1) or [
        name for name in names if received and received in name
    ]
    near = near or difflib.get_close_matches(received, names, n=1, cutoff=0.5)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return UsageError(
        f'Expected {what} as one of {", ".join(names)}, but received "{received}".{hint}'
    )
