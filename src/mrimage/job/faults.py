"""Errors of the job's own code: what happened, and at which line of the user's code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

from mrimage.errors import CodeError, describe
from mrimage.job.functions import innermost
from mrimage.job.modules import is_library_file

_MRIMAGE = str(Path(__file__).resolve().parent.parent)

_CELL = re.compile(r".*[/\\]ipykernel_\d+[/\\]\d+\.py|<ipython-input-\d+-[0-9a-f]+>")
"""The file name of a notebook cell, which differs from kernel to kernel."""


def describe_with_line(error: BaseException) -> str:
    """Describe the error with the line of the user's own code that raised it, or that called the
    library that raised it: ``KeyError: 'size' (/home/me/jobs.py, line 12, in by_size)``."""
    text = describe(error)
    line = _line_of(error)
    if not line:
        return text
    return f"{text} ({line})"


def code_error(who: str, error: BaseException) -> CodeError:
    """Return the error of an image on which the job's own code raised ``error``. ``who`` is for
    example ``the mapper jobs:f``."""
    # The kind leaves out the error's text, so that failures at one line count as the same.
    kind = f"{type(error).__name__} {_line_of(error)}"
    message = f"{who} raised {describe_with_line(error)}"
    return CodeError(message, kind)


def bad_result_error(
    expected: str, received: str, function: Callable[..., object], result: object = None
) -> CodeError:
    """Return the error of an image for which ``function`` returned or yielded something that
    cannot be used. If ``result`` is a generator, the error names the line that yielded."""
    line = line_of_result(function, result)
    message = f"Expected {expected}, but {received}"
    if line:
        message += f" ({line})"
    # The kind leaves out what was received, so that failures at one line count as the same.
    return CodeError(f"{message}.", kind=f"{expected} {line}")


def describe_start(function: Callable[..., object]) -> str:
    """Describe where the function begins, in parentheses after a space; empty if it is not known."""
    line = line_of_result(function, None)
    return f" ({line})" if line else ""


def _line_of(error: BaseException) -> str:
    """Describe the innermost line of the user's own code in the error's traceback. If there is
    none, describe the innermost line outside mrimage. The text is empty if the error passed
    through mrimage only."""
    places = list(_traceback_places(error.__traceback__))
    own = [place for place in places if not is_library_file(place[0].f_code.co_filename)]
    outside = [place for place in places if not place[0].f_code.co_filename.startswith(_MRIMAGE)]
    candidates = own or outside
    if not candidates:
        return ""
    frame, line = candidates[-1]
    return _format_line(frame.f_code, line)


def _traceback_places(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield each frame of the traceback with its line number, outermost first."""
    while traceback:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def line_of_result(function: Callable[..., object], result: Any) -> str:
    """Describe the line at which the generator ``result`` is, or where ``function`` begins."""
    # A generator is still at the line that yielded.
    frame = getattr(result, "gi_frame", None)
    if frame is not None:
        return _format_line(frame.f_code, frame.f_lineno)
    inner = innermost(function)
    if not isinstance(inner, FunctionType):
        return ""
    return _format_line(inner.__code__, inner.__code__.co_firstlineno)


def _format_line(code: CodeType, line: int) -> str:
    file = "a notebook cell" if _CELL.fullmatch(code.co_filename) else code.co_filename
    return f"{file}, line {line}, in {code.co_name}"
