"""``mrimage retry``: reads the job that made OUT, and forgets its quarantined images so that the
job tries them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from mrimage.commit.lock import locked
from mrimage.commit.names import read_names
from mrimage.commit.out_folder import JOB, read_job
from mrimage.commit.quarantine import try_again
from mrimage.errors import REASONS, SinkError, UsageError, brief, unknown
from mrimage.job.description import FUNCTIONS, Description, functions_of
from mrimage.job.fields import JOB_FIELDS
from mrimage.job.functions import describe_function
from mrimage.job.importing import load_object
from mrimage.job.job import Job, Plan
from mrimage.job.statistic import Statistic
from mrimage.storage import Store
from mrimage.types import Crop, Edits, Limits


def read_plan(store: Store, out: str, named: Job | None, trust: bool) -> Plan:
    """Return the plan that OUT describes. Functions of the user's own come from the job ``named``
    or, with ``trust``, are imported by the names in OUT.

    OUT may come from someone else and name any module, so nothing is imported without ``trust``.
    Raises SinkError if OUT has no description. Raises UsageError if a function is missing, not
    trusted, cannot be imported or has changed.
    """
    facts = dict(_read_description(store).facts)
    source = facts.pop("source")
    sources = source if isinstance(source, list) else [str(source)]
    functions = {
        role: _find_function(role, facts.pop(role, None), named, trust)
        for role in FUNCTIONS
        if role != "edits"
    }
    edits = facts.pop("edits")
    if isinstance(edits, dict):
        functions["edits"] = _read_edits(edits)
    else:
        functions["edits"] = _find_function("edits", edits, named, trust)
    of = functions.pop("statistic")
    merge = functions.pop("merge")
    if callable(of) and callable(merge):
        functions["statistic"] = Statistic(of, merge)
    for name in ("references", "watermarks"):
        facts.pop(name, None)  # The run reads them again.
    rules = JOB_FIELDS["rules"].type.from_text("rules", facts.pop("rules", ()))
    facts["extract"] = _find_extractors(facts.pop("extract"), named, trust)
    limits = Limits(
        max_pixels=msgspec.convert(facts.pop("max_pixels"), int),
        allow_truncated=msgspec.convert(facts.pop("allow_truncated"), bool),
    )
    # The run reads the model and the examples again.
    facts.pop("network", None)
    facts.pop("example_set", None)
    # JSON has no tuples.
    rest = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
    }
    # mypy cannot know that a description has the fields of a Job.
    job = Job(rules=rules, limits=limits, **functions, **rest)  # type: ignore[arg-type]
    return Plan(job, sources[0], out, others=tuple(sources[1:]), names=read_names(store))


def _read_edits(described: Mapping[str, Any]) -> Edits:
    """Return the edits that were described as plain data. The job checks their values."""
    known = [field.name for field in fields(Edits)]
    values = {name: described[name] for name in known if name in described}
    return Edits(**values | {"crop": msgspec.convert(described["crop"], Crop | None)})


def _read_description(store: Store) -> Description:
    problem = f"there is no {JOB} in it"
    description = None
    try:
        description = read_job(store)
    except msgspec.DecodeError:
        problem = f"its {JOB} is damaged"
    if description is None:
        raise SinkError(
            f"Cannot use {store.root} as the OUT of a run: {problem}. "
            "Check the path, or run the job with --fresh."
        )
    return description


def _find_function(role: str, described: object, named: Job | None, trust: bool) -> object:
    """Return the function for ``role``, such as ``map``, which must be the one that OUT
    describes."""
    found: object = functions_of(named).get(role) if named else None
    if described is None and found is None:
        return None
    name = str(described).partition(" ")[0]
    if named is None:
        found = _import_function(name, trust)
    now = describe_function(found) if callable(found) else None
    if now is None or now != described:
        raise UsageError(
            f"{role} has changed since the job ran: it was {described or 'none'} "
            f"and is now {now or 'none'}. Run the job again instead."
        )
    return found


def _find_extractors(described: object, named: Job | None, trust: bool) -> list[object]:
    """Return the extractors that OUT describes: names, and the job's own."""
    found: list[object] = []
    for text in msgspec.convert(described, list[str]):
        name, space, _ = text.partition(" ")
        if not space:
            found.append(name)
            continue
        own = named.own_extractors if named else (_import_function(name, trust),)
        now = {describe_function(item): item for item in own if callable(item)}
        if text not in now:
            raise UsageError(
                f"The extractor {name} has changed since the job ran: it was {text} "
                f"and is now {', '.join(map(str, now)) or 'none'}. Run the job again instead."
            )
        found.append(now[text])
    return found


def _import_function(name: str, trust: bool) -> object:
    if name.startswith("__main__:") or "<" in name:
        raise UsageError(
            f"mrimage retry needs functions that can be imported, but the job's {name} was defined "
            "in a script or inside another function. Run the script again. "
            "Until then the images stay in quarantine."
        )
    if not trust:
        raise UsageError(
            f"The job of OUT uses {brief(name)}, which is not imported just because OUT names it. "
            "Name the job again (--job FILE.toml or module:name), or add --trust if you know who "
            "made OUT."
        )
    return load_object(name)


def forget_quarantined(store: Store, scratch: Path, reasons: list[str] | None) -> int:
    """Forget the quarantined images, or those with one of ``reasons``, so that the next run tries
    them again. Returns their number."""
    for reason in reasons or ():
        if reason not in REASONS:
            raise unknown("--reason", reason, REASONS)
    with locked(store) as held:
        return try_again(held.store, scratch, reasons)
