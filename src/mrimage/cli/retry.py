"""``mrimage retry``: the job that made OUT, and its quarantined images forgotten so that it tries them again."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec

from mrimage.cli.options import load_object
from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.lock import locked
from mrimage.commit.out_folder import JOB, read_job
from mrimage.commit.prune import outdate
from mrimage.commit.publish import PUBLISHED
from mrimage.errors import REASONS, SinkError, UsageError, unknown
from mrimage.job.functions import describe_function
from mrimage.job.job import Job, Plan
from mrimage.storage import Store
from mrimage.tables.duck import connect, read_parquet
from mrimage.tables.schemas import QUARANTINE
from mrimage.types import Edits, Limits


def job_of(store: Store, out: str) -> Plan:
    """The plan that OUT keeps the description of. Raises SinkError where there is none, and UsageError when one
    of its functions cannot be imported or is no longer what it was."""
    description = read_job(store)
    if not description:
        what = f"there is no {JOB}" if description is None else f"{JOB} is damaged"
        raise SinkError(
            f"Expected {store.root} as the OUT of a run, but {what}. Check the place, or run the job with --fresh."
        )
    source = str(description.pop("source"))
    functions = {name: _function(description.pop(name)) for name in ("map", "reduce", "combine")}
    limits = Limits(
        max_pixels=msgspec.convert(description.pop("max_pixels"), int),
        allow_truncated=msgspec.convert(description.pop("allow_truncated"), bool),
    )
    edits = msgspec.convert(description.pop("edits"), Edits | None)
    rest = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description.items()
    }
    job = Job(edits=edits, limits=limits, **functions, **rest)  # type: ignore[arg-type]  # described by the same fields
    plan = Plan(job, source, out)
    return plan


def _function(described: object) -> object:
    if described is None:
        return None
    name = str(described).partition(" ")[0]
    if name.startswith("__main__:") or "<" in name:
        raise UsageError(
            f"Expected functions that can be imported, but the job's {name} was defined in a script. "
            "Run the script again with what it needs; the images in quarantine stay there until then."
        )
    found = load_object(name)
    if not callable(found) or describe_function(found) != described:
        raise UsageError(
            f"Expected {name} as it was when the job ran, but it has changed. Run the job again instead."
        )
    return found


def forget_quarantined(store: Store, scratch: Path, reasons: list[str] | None) -> int:
    """Have the next run try the quarantined images again, or those of ``reasons``; answer how many."""
    for reason in reasons or ():
        if reason not in REASONS:
            raise unknown("--reason", reason, REASONS)
    with locked(store) as held:
        store = held.store
        mapped, reduced = Committed(store, "map"), Committed(store, "reduce")
        again = _chosen(localize(store, mapped.tables("quarantine"), scratch), reasons, scratch)
        late = _chosen(localize(store, reduced.tables("quarantine"), scratch), reasons, scratch)
        for task, uris in again.items():
            outdate(store, mapped, task, uris)
        reduced.forget(late)
        store.delete(PUBLISHED)
    return sum(map(len, again.values())) + sum(map(len, late.values()))


def _chosen(parts: list[str], reasons: list[str] | None, scratch: Path) -> dict[str, list[str]]:
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
