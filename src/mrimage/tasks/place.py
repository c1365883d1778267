"""Where in the user's code an error was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

import mrimage

_OURS = str(Path(mrimage.__file__).parent)


def place_of(error: BaseException) -> str:
    """`` (FILE, line N)``: the last line of the user's code on the way to the error; empty where there is none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OURS, "<frozen"))
    ]
    return f" ({frames[0].filename}, line {_last_of_first_file(frames)})" if frames else ""


def _last_of_first_file(frames: list[traceback.FrameSummary]) -> int | None:
    """The user's file is the one that we called; libraries that it called in turn come after it."""
    return [frame.lineno for frame in frames if frame.filename == frames[0].filename][-1]
