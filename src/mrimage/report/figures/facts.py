"""Reads what a run wrote about itself: the facts for a report, and the figures of a report."""

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
    """The facts of the finished run in the folder ``results``.

    Raises SinkError when there are none: the folder is not a run's, or its run has not finished.
    """
    return _read(results, FACTS, RunFacts)


def read_summary(results: Path) -> Figures:
    """The figures that the report of ``results`` wrote. Raises SinkError when there are none."""
    return _read(results, SUMMARY, Figures)


def decode_summary(data: bytes, place: str) -> Figures:
    """The figures in the bytes of a ``summary.json`` of the OUT ``place``. Raises SinkError for anything else."""
    return _decode(data, place, SUMMARY, Figures)


def _read(results: Path, name: str, kind: type[T]) -> T:
    try:
        data = (results / name).read_bytes()
    except OSError as error:
        raise _unreadable(str(results), name, error) from error
    return _decode(data, str(results), name, kind)


def _decode(data: bytes, place: str, name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(place, name, error) from error


def _unreadable(place: str, name: str, error: Exception) -> SinkError:
    return SinkError(
        f'Expected the results of a finished run in "{place}", but {name} cannot be read ({error}). '
        "Run the job to its end first, or give its OUT."
    )
