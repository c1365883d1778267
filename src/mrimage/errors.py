"""The tree of errors:

    MrimageError
    ├── UsageError            the command or the job is not well-formed (exit status 2)
    ├── JobError              the job could not be done (exit status 1)
    │   ├── SourceError       the source is missing, empty or unreadable
    │   ├── SinkError         OUT cannot be written, is not a run's folder, or is in use
    │   ├── EngineError       the engine is missing or gave up on a task
    │   ├── BudgetError       more images were quarantined than --max-failures allows
    │   ├── InternalError     mrimage has a bug; the message asks for a report
    │   └── AccountingError   listed is not processed + quarantined
    ├── CarelessError         the attempt cannot say which image is at fault; the next is careful
    ├── StoreError            bytes could not be read or written; ``transient`` ones are retried
    │   ├── NotFoundError
    │   └── DeniedError
    └── ImageError            one image is bad; it is quarantined with a reason, the job goes on
        └── CodeError         the job's own code failed on the image

A message is one line: what is needed, what was received, what to do.
"""

from __future__ import annotations

import difflib
import os
import reprlib
import traceback
from collections.abc import Iterable

# Not a Path: tracebacks hold file names exactly as ``__file__`` spells them.
_PACKAGE = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120

REASONS = {
    "not-an-image": "mrimage does not recognize the content as an image",
    "truncated": "the file ends before the image does",
    "corrupt": "the content contradicts its format",
    "too-large": "the image is over a limit (--max-pixels, or an archive's bound)",
    "unsupported": "no decoder here reads this kind of image, or an edit cannot be made on it",
    "color-failed": "the image was decoded, but its colors could not be converted",
    "encode-failed": "the image was decoded, but the result could not be written in the output format",
    "empty": "the file has no bytes",
    "vanished": "the file was listed but is gone",
    "changed": "the file changed after it was listed",
    "unreadable": "the store refused or failed to return the bytes",
    "crashed": "the decoder killed its process",
    "timed-out": "the image took longer than --deadline",
    "out-of-memory": "the image needs more memory than a guarded attempt may use",
    "mapper-failed": "the job's own code raised an error on this image",
    "internal": "a bug in mrimage; the run ends with status 1 and asks for a report",
}
"""Every reason for quarantine, and its meaning."""


class MrimageError(Exception):
    """Base of every error that mrimage raises on purpose."""


class UsageError(MrimageError):
    """The command or the job description is not well-formed."""


class JobError(MrimageError):
    """The job could not be done."""


class SourceError(JobError):
    """The source is missing, empty or unreadable."""


class SinkError(JobError):
    """OUT cannot be written, is not a run's folder, or is in use."""


class EngineError(JobError):
    """The engine is missing, or gave up on a task."""


class BudgetError(JobError):
    """More images were quarantined than the run tolerates."""


class InternalError(JobError):
    """A bug in mrimage kept it from handling images."""


class AccountingError(JobError):
    """Images listed do not equal images processed plus images quarantined."""


class CarelessError(MrimageError):
    """An attempt ran out of memory, perhaps because of one image.

    The next attempt is careful: it handles each image in a guarded child process.
    """


class StoreError(MrimageError):
    """Bytes could not be read or written.

    ``transient`` says whether trying again may help, and ``after`` is the number of seconds that
    the store asks to wait first.
    """

    def __init__(self, message: str, *, transient: bool = False, after: float = 0.0) -> None:
        super().__init__(message)
        self.transient = transient
        self.after = after

    def __reduce__(self) -> tuple[object, ...]:
        return (_store_error, (type(self), str(self), self.transient, self.after))


class NotFoundError(StoreError):
    """Nothing has this name."""


class DeniedError(StoreError):
    """The store refused access, or did not accept the credentials."""


class ImageError(MrimageError):
    """One image cannot be handled; ``reason`` is a key of REASONS."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (ImageError, (self.reason, str(self)))


def internal(error: Exception) -> ImageError:
    """Return the ImageError for an image on which mrimage's own code raised ``error``.

    Its message describes the error and the place in the package.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    place = ""
    if ours:
        file = ours[-1].filename.removeprefix(_PACKAGE)
        place = f" in {file}, line {ours[-1].lineno}"
    return ImageError("internal", f"{describe(error)}{place}")


class CodeError(ImageError):
    """The job's own code failed on one image.

    ``kind`` identifies the error and the line of code that raised it.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__("mapper-failed", message)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        return (CodeError, (str(self), self.kind))


def brief(value: object) -> str:
    """Return the repr of what was received, on one line of bounded length.

    >>> brief([7, None]), brief("x" * 1000)
    ('[7, None]', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'")
    """
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return " ".join(short.repr(value).split())


def quoted(text: str) -> str:
    """Return ``text`` in quotation marks, on one line of bounded length.

    >>> quoted("camra"), quoted("two\\nlines")
    ('"camra"', '"two lines"')
    """
    if len(text) >= 80:
        return brief(text)
    one_line = " ".join(text.split())
    return f'"{one_line}"'


def describe(error: BaseException) -> str:
    """Return the type and the message of an error, even if its ``__str__`` fails.

    >>> describe(ValueError("no")), describe(SystemExit())
    ('ValueError: no', 'SystemExit')
    """
    try:
        text = str(error)
    # The class of the error, and so its ``__str__``, may be the user's code.
    except Exception:  # noqa: BLE001
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _store_error(kind: type[StoreError], message: str, transient: bool, after: float) -> StoreError:
    return kind(message, transient=transient, after=after)


def unknown(what: str, received: str, known: Iterable[str]) -> UsageError:
    """Return the error for an unknown name, with all known names and the nearest of them.

    >>> str(unknown("--key", "camra", ["camera", "format"]))
    '--key must be one of camera, format, but got "camra". Did you mean "camera"?'
    >>> str(unknown("--group", "sheet", ["contact-sheet", "mean"]))
    '--group must be one of contact-sheet, mean, but got "sheet". Did you mean "contact-sheet"?'
    """
    names = sorted(known)
    listed = ", ".join(names)
    hint = did_you_mean(received, names)
    return UsageError(f"{what} must be one of {listed}, but got {quoted(received)}.{hint}")


def did_you_mean(received: str, names: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest of ``names``; empty if none is near.

    >>> did_you_mean("camra", ["camera", "format"])
    ' Did you mean "camera"?'
    """
    near = _nearest(received, sorted(names))
    return f' Did you mean "{near}"?' if near else ""


def _nearest(received: str, names: list[str]) -> str | None:
    """The name that ``received`` was probably meant to be."""
    close = difflib.get_close_matches(received, names, n=1)
    if close:
        return close[0]
    containing = [name for name in names if received and received in name]
    if containing:
        return containing[0]
    similar = difflib.get_close_matches(received, names, n=1, cutoff=0.5)
    return similar[0] if similar else None
