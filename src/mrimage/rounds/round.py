"""A round: one map, shuffle and reduce over tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mrimage.errors import UsageError, brief
from mrimage.job.functions import describe_function, name_function
from mrimage.job.job import Combiner, Value
from mrimage.rounds.table import Table
from mrimage.shuffle.values import UnfitValue, encode_value

Pairs = Iterable[tuple[str, Value]]

RecordMapper = Callable[[str, Value, Value], Pairs]
"""A generator function: ``(key, value, side) -> (key, value)`` pairs, called for each record."""

RecordReducer = Callable[[str, Iterator[Value], Value], Pairs]
"""A generator function: ``(key, values, side) -> (key, value)`` pairs, called once per key."""


@dataclass(frozen=True)
class Round:
    """One map, shuffle and reduce over a table; a program yields it, and is sent the new table.

    ``map`` gets each record of ``over``, and ``reduce`` each key with all of its values, as a
    stream. Both yield pairs of a key and a value, and both get ``side``: small plain data that
    every task needs, such as the centroids of an iteration. ``combine`` shrinks the values of one
    key inside one map task, as ``Job.combine`` does.

    For a join, ``over`` holds several tables, and ``map`` a function for each of them (or one for
    all). Their records then meet in ``reduce``.

    Values reach ``reduce`` in an order that is the same on every engine: by the image that they
    belong to, if they belong to one, then by the bytes of their MessagePack. With ``combine``, how
    many values there are depends on the tasks, so add integers, or fractions, but not floats.

    Raises UsageError for a value of the wrong type.
    """

    over: Table | Sequence[Table]
    map: RecordMapper | Sequence[RecordMapper]
    reduce: RecordReducer
    combine: Combiner | None = None
    side: Value = None

    def __post_init__(self) -> None:
        tables = self.tables
        if not tables or not all(isinstance(table, Table) for table in tables):
            raise UsageError(
                f"Round.over needs a table of the program, or several, but got {brief(self.over)}."
            )
        mappers = self.mappers
        if len(mappers) != len(tables) or not all(map(callable, mappers)):
            raise UsageError(
                "Round.map needs a function, or one for each table of Round.over, but got "
                f"{brief(self.map)} for {len(tables)} tables."
            )
        if not callable(self.reduce):
            raise UsageError(f"Round.reduce needs a function, but got {brief(self.reduce)}.")
        if self.combine is not None and not callable(self.combine):
            raise UsageError(f"Round.combine needs a function, but got {brief(self.combine)}.")
        try:
            encode_value(self.side)
        except UnfitValue as error:
            raise UsageError(f"Round.side needs plain data, but it holds {error}.") from None

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that the round reads."""
        if isinstance(self.over, list | tuple):
            return tuple(self.over)
        return (self.over,)  # type: ignore[return-value]  # __post_init__ checks it

    @property
    def mappers(self) -> tuple[RecordMapper, ...]:
        """The mapper of each table."""
        if isinstance(self.map, list | tuple):
            return tuple(self.map)
        return (self.map,) * len(self.tables)  # type: ignore[return-value]  # __post_init__ checks it

    def name(self) -> str:
        """A hash of the round's code, its side data, and where its tables come from.

        It does not depend on what is in the tables. So when the source has grown, the round finds
        what it has done before.
        """
        functions = [*self.mappers, self.reduce, self.combine]
        described = [describe_function(function) for function in functions]
        origins = [table.origin for table in self.tables]
        data = msgspec.json.encode([described, origins]) + encode_value(self.side)
        return hashlib.blake2b(data, digest_size=8).hexdigest()


Program = Callable[[Table], Generator[Round, Table, Any]]
"""A generator function. It gets the table of the records that map has emitted, yields rounds, and
is sent the table that each of them makes. It returns what it has found: None, a table, or
outputs."""


@dataclass(frozen=True)
class Step:
    """A round as its tasks get it. ``number`` counts the rounds of the program from 1."""

    number: int
    name: str
    mappers: tuple[RecordMapper, ...]
    reduce: RecordReducer
    combine: Combiner | None
    side: Value

    def failed_on(self, role: str, function: Callable[..., object], about: str) -> str:
        """Begin a message: ``The mapper jobs:nearest of round 3 failed on key 'a'``."""
        return f"The {role} {name_function(function)} of round {self.number} failed on {about}"


def step_of(round_: Round, number: int) -> Step:
    """The round as its tasks get it: without the tables, which only the program can read."""
    return Step(
        number,
        round_.name(),
        round_.mappers,
        round_.reduce,
        round_.combine,
        round_.side,
    )
