"""A job and its source as plain data: what OUT keeps of them, and how two of them differ."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mrimage.job.functions import PYTHON, explain_change
from mrimage.job.identity import Identity, identify, note_use
from mrimage.job.job import Job, Plan

FUNCTIONS: Mapping[str, str] = {
    "map": "mapper",
    "combine": "combiner",
    "reduce": "reducer",
    "edits": "function of edits",
    "program": "program",
    "each": "edit of each image",
    "statistic": "statistic",
    "merge": "merge of the statistic",
}
"""The fields of a Job that may hold the user's own code, and what messages call it."""

REDUCERS = ("reduce", "group")
"""Fields that affect only what reduce makes."""

MEMBERS = ("each", "merge")
"""Fields that affect only the second pass over the images. Map leaves it what it needs, so a job
cannot get or lose them."""

PROGRAMS = ("program", "find", "clusters", "similar", "keep")
"""Fields that affect only what programs find."""

AFTER_MAP = (*REDUCERS, *PROGRAMS, *MEMBERS)
"""Fields that do not affect what map computes."""


@dataclass(frozen=True)
class Description:
    """A job and its source as they were at the start of a run. The user's objects may change
    while they are used, so a run describes them only once.

    ``facts`` holds the job's fields and its source. ``code`` holds the digests of the parts of
    its functions, and the Python version that compiled them; messages use it to explain what has
    changed.
    """

    facts: dict[str, object]
    code: dict[str, Any]

    @property
    def job(self) -> dict[str, object]:
        """The facts without the source."""
        return {name: fact for name, fact in self.facts.items() if name != "source"}

    @property
    def uses_records(self) -> bool:
        """Whether the job has a reducer or a program."""
        return any(self.facts.get(name) for name in AFTER_MAP)

    def hash(self) -> str:
        """Return the hash of the job and its source, the same as ``Plan.hash``."""
        data = msgspec.json.encode(self.facts, order="sorted")
        return hashlib.blake2b(data, digest_size=8).hexdigest()

    def encode(self) -> bytes:
        """Return indented JSON that people and ``decode`` can read."""
        everything = self.facts | {"code": self.code}
        return msgspec.json.format(msgspec.json.encode(everything, order="sorted"))


def describe(plan: Plan) -> Description:
    """Describe the plan's job and source as they are now."""
    code: dict[str, Any] = {"python": PYTHON}
    for name, identity in identities(plan.job).items():
        code[name] = dict(identity.parts)
    facts = plan.job.describe() | {"source": plan.describe_source()}
    return Description(facts, code)


def decode(data: bytes) -> Description:
    """Read what ``encode`` wrote. Raises msgspec.DecodeError.

    Earlier versions of mrimage wrote no ``code``; it is empty then.
    """
    facts = msgspec.json.decode(data, type=dict[str, Any])
    code = facts.pop("code", {})
    return Description(facts, code)


def identities(job: Job) -> dict[str, Identity]:
    """Return the identities of the job's own functions, by name (see ``functions_of``)."""
    return {name: identify(function) for name, function in functions_of(job).items()}


def functions_of(job: Job) -> dict[str, Callable[..., object]]:
    """Return the job's own functions, by their names in FUNCTIONS, and its extractors by name."""
    found: dict[str, object] = {name: getattr(job, name, None) for name in FUNCTIONS}
    if job.statistic:
        found |= {"statistic": job.statistic.of, "merge": job.statistic.merge}
    found |= {extractor.name: extractor for extractor in job.own_extractors}
    return {name: function for name, function in found.items() if callable(function)}


def note_uses(job: Job, before: Mapping[str, Identity]) -> None:
    """Record that a run has used the job's functions, whose identities were ``before``. What the
    run changed in them does not make a different job."""
    functions = functions_of(job)
    for name, identity in before.items():
        note_use(functions[name], identity)


def changed_fields(earlier: Description, now: Description) -> list[str]:
    """Return the names of the facts that differ."""
    return _different(earlier.facts, now.facts)


def explain_fields(earlier: Description, now: Description, names: list[str]) -> str:
    """Explain how the facts ``names`` differ: ``key ["camera"] instead of ["format"]``, or
    ``a changed mapper jobs:f (the code of f)``."""
    return ", ".join(_explain(earlier, now, name) for name in names)


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name)]


def _explain(earlier: Description, now: Description, name: str) -> str:
    before = earlier.facts.get(name)
    after = now.facts.get(name)
    is_data = any(isinstance(fact, dict) for fact in (before, after))  # the fields of Edits
    if name not in FUNCTIONS or is_data:
        return _explain_fact(name, before, after)
    role = FUNCTIONS[name]
    before_name = _function_name(before)
    after_name = _function_name(after)
    if before_name != after_name:
        return f"the {role} {after_name} instead of {before_name}"
    return f"a changed {role} {after_name} ({_explain_code(earlier.code, now.code, name)})"


def _function_name(fact: object) -> str:
    """Return ``module:name`` from ``module:name (digest)``, or ``none``."""
    return str(fact).partition(" ")[0] if fact else "none"


def _explain_code(earlier: Mapping[str, Any], now: Mapping[str, Any], name: str) -> str:
    compiled = earlier.get("python", PYTHON)
    if compiled != PYTHON:
        return f"compiled by {PYTHON} instead of {compiled}"
    if name not in earlier:
        return "its code, or a value that it holds"
    return explain_change(earlier[name], now[name])


def _explain_fact(name: str, before: object, after: object) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = _different(before, after)
        return ", ".join(
            _explain_fact(inner, before.get(inner), after.get(inner)) for inner in names
        )
    return f"{name} {_show(after)} instead of {_show(before)}"


def _show(value: object) -> str:
    return msgspec.json.encode(value).decode()
