"""Where map cuts its splits, kept in ``_run/`` until map has finished.

The tasks of an interrupted run have committed some of its splits. A shard holds what one task makes,
so the run that continues has to cut the rest into the same splits to make the same shards. Its own
limits would be others: they depend on what is left, and on the number of its workers.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from mrimage.commit.ledger import ROOT
from mrimage.errors import NotFoundError
from mrimage.storage import Store

SPLITS = f"{ROOT}/splits.json"


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The most bytes and the most images of a split, and where each split starts (see
    ``source.find_starts``), sorted.

    It has one text a split, so it fits in memory where the listing does not.
    """

    max_bytes: int
    max_count: int
    starts: tuple[str, ...]


def read_split_plan(store: Store) -> SplitPlan | None:
    """The plan of a run that was interrupted in map; None if there is none.

    Raises msgspec.DecodeError if it is damaged.
    """
    try:
        data = store.read(SPLITS)
    except NotFoundError:
        return None
    return msgspec.json.decode(data, type=SplitPlan)


def write_split_plan(store: Store, plan: SplitPlan) -> None:
    """Keep the plan. The write is durable, because no split may be committed without it."""
    store.write(SPLITS, msgspec.json.encode(plan), durable=True)


def forget_split_plan(store: Store) -> None:
    """Remove the plan, because all of its splits are committed."""
    store.delete(SPLITS)
