"""A job's programs as a run sees them, and what only built-in ones return: tables at the top of OUT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrimage.job.functions import describe_function, name_function
from mrimage.rounds.round import Program

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class NamedProgram:
    """A program of a job. ``name`` is that of its folder below ``groups``.

    Its first table has the records of map. With ``columns``, it has the images of the source
    instead, whatever the keys, in batches of these columns of the catalogue (see ``Table``).
    """

    name: str
    program: Program
    columns: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        """The program's function for messages, as ``module:name``."""
        return name_function(self.program)

    def describe(self) -> list[str | None]:
        """The program as plain data, which changes with its code."""
        return [self.name, describe_function(self.program), *self.columns]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that a program publishes at the top of OUT, beside its outputs.

    ``name`` is one of ``storage.layout.FOUND``. The rows must be in an order that depends on
    nothing but them.
    """

    name: str
    rows: pa.Table
