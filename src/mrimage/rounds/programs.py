"""Programs by name, and what only they may return: tables at the top of OUT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrimage.job.functions import describe_function, innermost, name_function
from mrimage.job.job import Job
from mrimage.rounds.round import Program

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class NamedProgram:
    """A program of a job. ``name`` is that of its folder below ``groups``."""

    name: str
    program: Program

    @property
    def function(self) -> str:
        """The program's function for messages, as ``module:name``."""
        return name_function(self.program)

    def describe(self) -> list[str | None]:
        """The program as plain data, which changes with its code."""
        return [self.name, describe_function(self.program)]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that a program publishes at the top of OUT, beside its outputs.

    ``name`` is one of ``storage.layout.FOUND``. The rows must be in an order that depends on
    nothing but them.
    """

    name: str
    rows: pa.Table


def programs_of(job: Job) -> tuple[NamedProgram, ...]:
    """The programs of a job, in the order in which they run."""
    if job.program is None:
        return ()
    named = innermost(job.program)
    if not hasattr(named, "__name__"):
        named = type(named)
    return (NamedProgram(str(named.__name__), job.program),)
