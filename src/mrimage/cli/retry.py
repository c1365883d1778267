"""``mrimage retry``: the job that made OUT, and its quarantined images forgotten so that it tries them again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mrimage.commit.again import try_again
from mrimage.commit.lock import locked
from mrimage.commit.out_folder import JOB, read_job
from mrimage.errors import REASONS, SinkError, UsageError, brief, unknown
from mrimage.job.functions import describe_function
from mrimage.job.importing import load_object
from mrimage.job.job import Job, Plan
from mrimage.storage import Store
from mrimage.types import Edits, Limits


def job_of(store: Store, out: str, named: Job | None, trust: bool) -> Plan:
    """The plan that OUT keeps the description of, with the functions of the job that the user ``named``.

    Nothing that an OUT names is imported unless the user puts ``trust`` in it: whoever made it may have named any
    module. Raises SinkError where OUT has no description, and UsageError where a function is neither named nor
    trusted, cannot be imported, or is no longer what it was.
    """
    what = f"there is no {JOB}"
    try:
        job = read_job(store)
    except msgspec.DecodeError:
        job = None
        what = f"{JOB} is damaged"
    if job is None:
        raise SinkError(
            f"Expected {store.root} as the OUT of a run, but {what}. Check the place, or run the job with --fresh."
        )
    description = dict(job.facts)
    source = str(description.pop("source"))
    functions = {
        role: _function(role, description.pop(role), named, trust)
        for role in ("map", "reduce", "combine")
    }
    limits = Limits(
        max_pixels=msgspec.convert(description.pop("max_pixels"), int),
        allow_truncated=msgspec.convert(description.pop("allow_truncated"), bool),
    )
    edits = msgspec.convert(description.pop("edits"), Edits | None)
    rest = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description.items()
    }
    same = Job(edits=edits, limits=limits, **functions, **rest)  # type: ignore[arg-type]  # described by the same fields
    return Plan(same, source, out)


def _function(role: str, described: object, named: Job | None, trust: bool) -> object:
    """The function that does ``role`` (map, reduce or combine) in the job, which is the one that OUT describes."""
    found = getattr(named, role) if named else None
    if described is None and found is None:
        return None
    name = str(described).partition(" ")[0]
    if named is None:
        found = _imported(name, trust)
    if not callable(found) or describe_function(found) != described:
        raise UsageError(
            f"Expected {role} as it was when the job ran ({described or 'none'}), but it has changed "
            f"({describe_function(found) if callable(found) else 'none'}). Run the job again instead."
        )
    return found


def _imported(name: str, trust: bool) -> object:
    if name.startswith("__main__:") or "<" in name:
        raise UsageError(
            f"Expected functions that can be imported, but the job's {name} was defined in a script. "
            "Run the script again with what it needs; the images in quarantine stay there until then."
        )
    if not trust:
        raise UsageError(
            f"The job of OUT uses {brief(name)}, and what an OUT names is not imported by itself. Name the job again "
            "(--job FILE.toml or module:name), or add --trust if you know who made OUT."
        )
    return load_object(name)


def forget_quarantined(store: Store, scratch: Path, reasons: list[str] | None) -> int:
    """Have the next run try the quarantined images again, or those of ``reasons``; answer how many."""
    for reason in reasons or ():
        if reason not in REASONS:
            raise unknown("--reason", reason, REASONS)
    with locked(store) as held:
        return try_again(held.store, scratch, reasons)
