"""What the rounds of a program have committed, below ``_run/rounds``.

    _run/rounds/<round>/map/...              the map tasks of a round: parts, records, quarantine
    _run/rounds/<round>/reduce/...           its reduce tasks: groups, records, quarantine
    _run/rounds/<round>/table-<hash>...      its table, if it was compacted
    _run/rounds/<round>/table.json           its RoundResult: the round is finished
    _run/program/<id>...                     a finished program: outputs, rounds, found tables

A round is named by its code and its side data (``Round.name``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from mrimage.commit.ledger import ROOT, Committed, delete_all, delete_outputs, list_files
from mrimage.errors import NotFoundError
from mrimage.rounds.table import Part
from mrimage.storage import Item, Store

FOLDER = "rounds"
PROGRAM = "program"
"""The phase of finished programs."""

FOUND_TABLE = "found"
"""The kind of the tables of a program that are published at the top of OUT."""

RESULT = "table.json"

KINDS = ("map", "reduce")


@dataclass(frozen=True, slots=True)
class RoundResult:
    """A finished round: the ids of the tables that it read, and the parts of the one that it made."""

    inputs: tuple[str, ...]
    parts: tuple[Part, ...]


def phase_of(name: str, kind: str) -> str:
    """The phase of a round's tasks in the ledger; ``kind`` is ``map`` or ``reduce``."""
    return f"{FOLDER}/{name}/{kind}"


def is_of_round(phase: str) -> bool:
    """Whether a phase of the ledger is one of a round."""
    return phase.startswith(f"{FOLDER}/")


def result_path(name: str) -> str:
    return f"{ROOT}/{FOLDER}/{name}/{RESULT}"


def result_of_phase(phase: str) -> str:
    """The path of the result of the round that a phase of the ledger belongs to."""
    _, name, _ = phase.split("/")
    return result_path(name)


def read_result(store: Store, name: str) -> RoundResult | None:
    """The result of a round; None if it is not finished. Raises msgspec.DecodeError."""
    try:
        return msgspec.json.decode(store.read(result_path(name)), type=RoundResult)
    except NotFoundError:
        return None


def write_result(store: Store, name: str, result: RoundResult) -> None:
    """Record that a round is finished."""
    store.write(result_path(name), msgspec.json.encode(result), durable=True)


class CommittedRounds:
    """Everything below ``_run/rounds``, listed once from the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._items: dict[str, list[Item]] = defaultdict(list)
        top = f"{ROOT}/{FOLDER}/"
        for item in list_files(store, top.rstrip("/")):
            name, _, _ = item.path.removeprefix(top).partition("/")
            self._items[name].append(item)

    @property
    def names(self) -> list[str]:
        """The names of the rounds, sorted."""
        return sorted(self._items)

    def phases(self) -> Iterator[Committed]:
        """Yield what the tasks of each round have committed."""
        for name in self.names:
            for kind in KINDS:
                phase = phase_of(name, kind)
                items = [
                    item for item in self._items[name] if item.path.startswith(f"{ROOT}/{phase}/")
                ]
                if items:
                    yield Committed(self.store, phase, items)

    def results(self) -> list[str]:
        """Paths below OUT of the results of finished rounds."""
        paths = map(result_path, self.names)
        present = {item.path for items in self._items.values() for item in items}
        return [path for path in paths if path in present]

    def others(self) -> list[Item]:
        """The files that no task has written: results and compacted tables."""
        everything = [item for name in self.names for item in self._items[name]]
        tasks = {item.path for phase in self.phases() for item in phase.all_items()}
        return [item for item in everything if item.path not in tasks]

    def clean(self, names: Iterable[str], used: Collection[str]) -> None:
        """Delete the compacted tables of the rounds ``names`` that are not among the paths ``used``:
        those of an earlier run, whose records have changed since.

        The other rounds may be those of another program.
        """
        folders = tuple(f"{ROOT}/{FOLDER}/{name}/" for name in names)
        tables = [item.path for item in self.others() if item.path.endswith(".parquet")]
        gone = [path for path in tables if path.startswith(folders) and path not in used]
        delete_all(self.store, gone)

    def forget(self, names: Iterable[str]) -> None:
        """Delete everything of the rounds ``names``: first the results, then the commits, so that
        after a kill in between nothing counts as done that is not there."""
        gone = set(names) & set(self._items)
        items = [item.path for name in sorted(gone) for item in self._items.pop(name)]
        results = [path for path in items if path.endswith(f"/{RESULT}")]
        commits = [path for path in items if path.endswith(".json") and path not in set(results)]
        delete_all(self.store, results)
        delete_all(self.store, commits)
        # This one removes empty folders, too.
        delete_outputs(self.store, [path for path in items if not path.endswith(".json")])


def task_phases(store: Store) -> list[Committed]:
    """What the tasks of every phase have committed that a run can reuse, in the order of the flow:
    map, reduce, members, rounds, programs."""
    first = [Committed(store, phase) for phase in ("map", "reduce", "members")]
    return [*first, *CommittedRounds(store).phases(), Committed(store, PROGRAM)]
