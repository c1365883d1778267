"""Images in quarantine that are to be tried again by the next run."""

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
    """Have the next run try the quarantined images again, or those of ``reasons``; returns how many."""
    mapped, reduced = Committed(store, "map"), Committed(store, "reduce")
    again = _chosen(localize(store, mapped.tables("quarantine"), scratch), reasons, scratch)
    late = _chosen(localize(store, reduced.tables("quarantine"), scratch), reasons, scratch)
    if not again and not late:
        return 0
    for task, uris in again.items():
        outdate(store, mapped, task, uris)
    reduced.forget(late)
    store.delete(PUBLISHED)
    return sum(map(len, again.values())) + sum(map(len, late.values()))


def _chosen(
    parts: list[str], reasons: Collection[str] | None, scratch: Path
) -> dict[str, list[str]]:
    """Quarantined uris by the task that has them."""
    chosen: dict[str, list[str]] = defaultdict(list)
    with connect(scratch) as connection:
        for part in parts:
            rows = connection.execute(
                f"SELECT uri, reason FROM {read_parquet([part], QUARANTINE)}"
            ).fetchall()
            uris = [uri for uri, reason in rows if not reasons or reason in reasons]
            if uris:
                chosen[task_of(part)] += uris
    return chosen


def quarantined_for(store: Store, scratch: Path, reason: str) -> list[Failure]:
    """The committed images in quarantine for ``reason``, by uri; those that reduce met may be none of the source's."""
    names = [
        name for phase in ("map", "reduce") for name in Committed(store, phase).tables("quarantine")
    ]
    rows = read_parquet(localize(store, names, scratch), QUARANTINE)
    query = f"SELECT DISTINCT ON (uri) uri, stage, reason, message FROM {rows} WHERE reason = ? ORDER BY uri, stage"
    with connect(scratch) as connection:
        return [Failure(*row) for row in connection.execute(query, [reason]).fetchall()]
