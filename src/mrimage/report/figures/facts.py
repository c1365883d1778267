"""Reads the facts that a run recorded for its report, and the figures of a report."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from mrimage.errors import SinkError
from mrimage.report.figures.figures import Figures
from mrimage.report.files import FACTS, SUMMARY
from mrimage.types import RunFacts

T = TypeVar("T")


def read_facts(results: Path) -> RunFacts:
    """Return the facts of the finished run in the folder ``results``.

    Raises SinkError if there are none: the folder is not a run's, or its run has not finished.
    """
    return _read(results, FACTS, RunFacts)


def read_summary(results: Path) -> Figures:
    """Return the figures of the report in the folder ``results``.

    Raises SinkError if there is no ``summary.json``, or it cannot be read.
    """
    return _read(results, SUMMARY, Figures)


def decode_summary(data: bytes, out: str) -> Figures:
    """Return the figures in ``data``, the bytes of the ``summary.json`` below ``out``.

    Raises SinkError for any other bytes; ``out`` is for its message.
    """
    return _decode(data, out, SUMMARY, Figures)


def _read(results: Path, name: str, kind: type[T]) -> T:
    try:
        data = (results / name).read_bytes()
    except OSError as error:
        raise _unreadable(str(results), name, error) from error
    return _decode(data, str(results), name, kind)


def _decode(data: bytes, out: str, name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(out, name, error) from error


def _unreadable(out: str, name: str, error: Exception) -> SinkError:
    return SinkError(
        f'"{out}" must be the OUT of a finished run, but its {name} cannot be read ({error}). '
        "Run the job to its end first, or give another folder."
    )
