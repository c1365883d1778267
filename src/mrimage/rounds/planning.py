"""The plan of a round: which parts of its tables one map task reads, and how a table is cut."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mrimage.rounds.table import MAPPED, Table

TASKS_PER_WORKER = 4
"""Tasks of a round for each worker, so that uneven ones level out."""

FEWEST = 500
"""Records of a task, at least: committing a task takes as long as mapping this many."""

MOST = 500_000
"""Records of a map task, at most, so that little is lost with it."""

SMALL_PART = 10_000
"""A table is compacted only if its parts have fewer records than this on average."""


@dataclass(frozen=True, slots=True)
class MapPart:
    """A part of a table as a map task gets it.

    ``id`` names its content, and the table by its number ``table`` among those of the round.
    ``mapped`` says whether its records are those that map has emitted. A part of a table of images
    has ``columns``.
    """

    id: str
    path: str
    table: int
    records: int
    mapped: bool
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """One map task's work: some parts. ``id`` is a hash of theirs."""

    id: str
    parts: tuple[MapPart, ...]


def parts_to_map(tables: Sequence[Table]) -> list[MapPart]:
    """The parts of all tables.

    Their ids depend on what is in them, not on how they are called. Several parts of one table may
    hold the same records, so they are numbered.
    """
    found = []
    for number, table in enumerate(tables):
        seen: Counter[str] = Counter()
        for part in table.parts:
            content = f"{number} {part.records}-{part.digest}"
            seen[content] += 1
            part_id = _hash([content, str(seen[content])])
            mapped = table.origin == MAPPED
            found.append(MapPart(part_id, part.path, number, part.records, mapped, table.columns))
    return found


def bundle_parts(parts: Iterable[MapPart], share: int) -> Iterator[Bundle]:
    """Bundle parts, in the order given, until a bundle has ``share`` records."""
    held: list[MapPart] = []
    records = 0
    for part in parts:
        held.append(part)
        records += part.records
        if records >= share:
            yield _bundle(held)
            held = []
            records = 0
    if held:
        yield _bundle(held)


def share_of(records: int, workers: int) -> int:
    """How many of ``records`` records one task should get."""
    even = -(-records // (workers * TASKS_PER_WORKER))  # rounded up
    return min(MOST, max(FEWEST, even))


def is_worth_compacting(parts: int, records: int, workers: int) -> bool:
    """Whether a table of ``records`` records has too many small parts."""
    wanted = -(-records // share_of(records, workers))
    return parts > 2 * max(1, wanted) and records < parts * SMALL_PART


def _bundle(parts: list[MapPart]) -> Bundle:
    return Bundle(_hash([part.id for part in parts]), tuple(parts))


def _hash(texts: Iterable[str]) -> str:
    data = "\0".join(texts).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()
