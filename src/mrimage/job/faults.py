"""Errors of the job's own code: what happened, and in which line of the user's."""

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
"""What a notebook calls a cell: a name that is another one in each kernel."""


def describe_with_line(error: BaseException) -> str:
    """The error with the line of the user's own code in which it was raised, or from which the library that raised it was
    called: ``KeyError: 'size' (/home/me/jobs.py, line 12, in by_size)``."""
    place = _place_of(error)
    return f"{describe(error)} ({place})" if place else describe(error)


def code_error(who: str, error: BaseException) -> CodeError:
    """The image's error for what the job's own code raised; ``who`` is ``the mapper jobs:f``."""
    kind = f"{type(error).__name__} {_place_of(error)}"
    return CodeError(f"{who} raised {describe_with_line(error)}", kind)


def bad_result_error(
    expected: str, received: str, function: Callable[..., object], answer: object = None
) -> CodeError:
    """The image's error for an answer of the function that is not what was expected; a generator is still at the line
    that yielded it."""
    place = _place_of_answer(function, answer)
    where = f" ({place})" if place else ""
    return CodeError(f"Expected {expected}, but {received}{where}.", f"{expected} {place}")


def _place_of(error: BaseException) -> str:
    """The innermost line of the user's own code, of other code but ours where there is none; empty for an error that only
    our own code has seen."""
    places = list(_places(error.__traceback__))
    own = [place for place in places if not is_library_file(place[0].f_code.co_filename)]
    outside = [place for place in places if not place[0].f_code.co_filename.startswith(_MRIMAGE)]
    frame, line = next(reversed(own or outside), (None, 0))
    return _format(frame.f_code, line) if frame else ""


def _places(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _place_of_answer(function: Callable[..., object], answer: Any) -> str:
    frame = getattr(answer, "gi_frame", None)
    if frame is not None:
        return _format(frame.f_code, frame.f_lineno)
    inner = innermost(function)
    return (
        _format(inner.__code__, inner.__code__.co_firstlineno)
        if isinstance(inner, FunctionType)
        else ""
    )


def _format(code: CodeType, line: int) -> str:
    file = "a notebook cell" if _CELL.fullmatch(code.co_filename) else code.co_filename
    return f"{file}, line {line}, in {code.co_name}"
