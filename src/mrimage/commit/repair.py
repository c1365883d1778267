"""``mrimage verify --repair``: what is missing or altered is forgotten, so that the next run makes it
again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.prune import outdate
from mrimage.commit.publish import PUBLISHED
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import OUTPUTS


def forget_damaged(store: Store, scratch: Path, outputs: Iterable[str], tables: set[str]) -> int:
    """Have the next run make ``outputs`` again, and publish ``tables`` again. Returns how many
    images and groups that concerns.

    Images count as changed. A reduce task is forgotten as a whole.
    """
    damaged = set(outputs)
    mapped = Committed(store, "map")
    reduced = Committed(store, "reduce")
    images = _damaged_by_task(store, mapped, damaged, scratch)
    groups = _damaged_by_task(store, reduced, damaged, scratch)
    # First of all: if this is interrupted, the next run publishes what is committed.
    store.delete(PUBLISHED)
    for name in tables:
        store.delete(name)
    for task, rows in images.items():
        outdate(store, mapped, task, sorted({str(uri) for uri, _ in rows}))
    reduced.forget(list(groups))
    concerned = [{uri for uri, _ in rows} for rows in images.values()]
    concerned += [{key for _, key in rows} for rows in groups.values()]
    return sum(map(len, concerned))


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
