"""Committed images in quarantine: find them, and have the next run try them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.prune import outdate
from mrimage.commit.publish import PUBLISHED
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import QUARANTINE
from mrimage.types import Failure


def try_again(store: Store, scratch: Path, reasons: Collection[str] | None) -> int:
    """Have the next run try quarantined images again. Returns how many.

    These are the ones that failed for one of ``reasons``; all of them if there are none.
    """
    mapped = Committed(store, "map")
    reduced = Committed(store, "reduce")
    from_map = _chosen(store, mapped, reasons, scratch)
    from_reduce = _chosen(store, reduced, reasons, scratch)
    if not from_map and not from_reduce:
        return 0
    for task, uris in from_map.items():
        outdate(store, mapped, task, uris)
    reduced.forget(from_reduce)
    store.delete(PUBLISHED)
    return _count(from_map) + _count(from_reduce)


def _chosen(
    store: Store, committed: Committed, reasons: Collection[str] | None, scratch: Path
) -> dict[str, list[str]]:
    """The uris of the chosen images, by the task that put them into quarantine."""
    chosen: dict[str, list[str]] = defaultdict(list)
    paths = localize(store, committed.tables("quarantine"), scratch)
    with connect(scratch) as connection:
        for path in paths:
            query = f"SELECT uri, reason FROM {read_parquet([path], QUARANTINE)}"
            rows = connection.execute(query).fetchall()
            uris = [uri for uri, reason in rows if not reasons or reason in reasons]
            if uris:
                chosen[task_of(path)] += uris
    return chosen


def _count(chosen: dict[str, list[str]]) -> int:
    return sum(len(uris) for uris in chosen.values())


def quarantined_for(store: Store, scratch: Path, reason: str) -> list[Failure]:
    """The committed failures for ``reason``, one per image, sorted by uri.

    A reducer may open images from outside the source, so some uris may not be in the source.
    """
    mapped = Committed(store, "map").tables("quarantine")
    reduced = Committed(store, "reduce").tables("quarantine")
    rows = read_parquet(localize(store, mapped + reduced, scratch), QUARANTINE)
    query = f"""
        SELECT DISTINCT ON (uri) uri, stage, reason, message FROM {rows}
        WHERE reason = ? ORDER BY uri, stage
    """
    with connect(scratch) as connection:
        found = connection.execute(query, [reason]).fetchall()
    return [Failure(*row) for row in found]
