"""``mrimage verify --repair``: what is missing or altered is forgotten, so that the next run makes it
again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.prune import outdate
from mrimage.commit.publish import PUBLISHED
from mrimage.commit.rounds import task_phases
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import OUTPUTS


def forget_damaged(store: Store, scratch: Path, outputs: Iterable[str], tables: set[str]) -> int:
    """Have the next run make ``outputs`` again, and publish ``tables`` again. Returns how many
    images and groups that concerns.

    Images count as changed. A task of a later phase is forgotten as a whole.
    """
    damaged = set(outputs)
    # First of all: if this is interrupted, the next run publishes what is committed.
    store.delete(PUBLISHED)
    for name in tables:
        store.delete(name)
    concerned = 0
    for phase in task_phases(store):
        by_task = _damaged_by_task(store, phase, damaged, scratch)
        for task, rows in by_task.items():
            # What a group made is of no single image.
            concerned += len({uri or key for uri, key in rows})
            if phase.phase == "map":
                outdate(store, phase, task, sorted({str(uri) for uri, _ in rows}))
            else:
                phase.forget([task])
    return concerned


def _damaged_by_task(
    store: Store, committed: Committed, damaged: set[str], scratch: Path
) -> dict[str, list[tuple[str | None, str]]]:
    """The (uri, key) of each damaged output, by the task that made it."""
    found: dict[str, list[tuple[str | None, str]]] = defaultdict(list)
    with connect(scratch) as connection:
        for path in localize(store, committed.tables("outputs"), scratch):
            query = f"SELECT uri, key, output FROM {read_parquet([path], OUTPUTS)}"
            for uri, key, output in connection.execute(query).fetchall():
                if output in damaged:
                    found[task_of(path)].append((uri, key))
    return found
