"""Committed images in quarantine: find them, and have the next run try them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.members import MEMBERS, edit_again
from mrimage.commit.prune import forget_outputs, outdate
from mrimage.commit.publish import PUBLISHED
from mrimage.commit.rounds import PROGRAM, is_of_round, result_of_phase, task_phases
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import QUARANTINE
from mrimage.types import Failure


def try_again(store: Store, scratch: Path, reasons: Collection[str] | None) -> int:
    """Have the next run try quarantined images again. Returns how many.

    These are the ones that failed for one of ``reasons``; all of them if there are none.
    """
    count = 0
    for phase in task_phases(store):
        chosen = _chosen(store, phase, reasons, scratch)
        if not chosen:
            continue
        count += sum(map(len, chosen.values()))
        if phase.phase == "map":
            for task, uris in chosen.items():
                outdate(store, phase, task, uris)
            continue
        if phase.phase == MEMBERS:
            for task, uris in chosen.items():
                edit_again(store, phase, task, uris)
            continue
        if is_of_round(phase.phase):
            # Without its result the round is not finished, and neither is the program.
            store.delete(result_of_phase(phase.phase))
            forget_outputs(store, PROGRAM)
        phase.forget(chosen)
    if count:
        store.delete(PUBLISHED)
    return count


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


def quarantined_for(store: Store, scratch: Path, reason: str) -> list[Failure]:
    """The committed failures for ``reason``, one per image, sorted by uri.

    A reducer or a round may open images from outside the source, so some uris may not be in the source.
    """
    names = [name for phase in task_phases(store) for name in phase.tables("quarantine")]
    rows = read_parquet(localize(store, names, scratch), QUARANTINE)
    query = f"""
        SELECT DISTINCT ON (uri) uri, stage, reason, message FROM {rows}
        WHERE reason = ? ORDER BY uri, stage
    """
    with connect(scratch) as connection:
        found = connection.execute(query, [reason]).fetchall()
    return [Failure(*row) for row in found]
