"""A job on its source as plain data: what OUT keeps of it, and how it differs from another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mrimage.job.functions import PYTHON, explain_change
from mrimage.job.identity import Identity, identify, note_use
from mrimage.job.job import Job, Plan

FUNCTIONS: Mapping[str, str] = {"map": "mapper", "combine": "combiner", "reduce": "reducer"}
"""The fields of a Job that are the user's own code, and what they are called."""

AFTER_MAP = ("reduce", "group")
"""Fields that change nothing in what map has done."""


@dataclass(frozen=True)
class Description:
    """A job on its source, described once, at the start of a run: the user's objects may change by being used.

    ``facts`` are the job's fields and its source. ``code`` holds the parts of its functions by their digests, and the
    Python that they were compiled for; it serves to say what has changed.
    """

    facts: dict[str, object]
    code: dict[str, Any]

    @property
    def job(self) -> dict[str, object]:
        """The facts without the source."""
        return {name: fact for name, fact in self.facts.items() if name != "source"}

    @property
    def reduces(self) -> bool:
        """Whether the job has a reducer."""
        return bool(self.facts.get("reduce") or self.facts.get("group"))

    def hash(self) -> str:
        """Names the job on its source, as ``Plan.hash`` does."""
        return hashlib.blake2b(
            msgspec.json.encode(self.facts, order="sorted"), digest_size=8
        ).hexdigest()

    def encode(self) -> bytes:
        """JSON for people and for ``decode``."""
        return msgspec.json.format(
            msgspec.json.encode(self.facts | {"code": self.code}, order="sorted")
        )


def describe(plan: Plan) -> Description:
    """The plan's job and source as they are now."""
    parts = {name: dict(identity.parts) for name, identity in identities(plan.job).items()}
    return Description(plan.job.describe() | {"source": plan.source}, {"python": PYTHON, **parts})


def decode(data: bytes) -> Description:
    """What ``encode`` wrote; one without ``code`` was written by an earlier version. Raises msgspec.DecodeError."""
    facts = msgspec.json.decode(data, type=dict[str, Any])
    return Description(facts, facts.pop("code", {}))


def identities(job: Job) -> dict[str, Identity]:
    """The identities of the job's own functions, by their fields."""
    functions = {name: getattr(job, name) for name in FUNCTIONS}
    return {
        name: identify(function) for name, function in functions.items() if function is not None
    }


def note_uses(job: Job, before: Mapping[str, Identity]) -> None:
    """A run has used the job's functions, which were ``before``: what it changed in them makes no other job."""
    for name, identity in before.items():
        note_use(getattr(job, name), identity)


def changed_fields(earlier: Description, now: Description) -> list[str]:
    """The names of the facts that differ."""
    names = sorted(earlier.facts.keys() | now.facts.keys())
    return [name for name in names if earlier.facts.get(name) != now.facts.get(name)]


def explain_fields(earlier: Description, now: Description, names: list[str]) -> str:
    """How the facts ``names`` differ: ``key ["camera"] instead of ["format"]``, ``a changed mapper jobs:f (the code of f)``."""
    return ", ".join(_explain(earlier, now, name) for name in names)


def _explain(earlier: Description, now: Description, name: str) -> str:
    before, after = earlier.facts.get(name), now.facts.get(name)
    if name not in FUNCTIONS:
        return _explain_fact(name, before, after)
    before_name, after_name = (
        str(fact).partition(" ")[0] if fact else None for fact in (before, after)
    )
    kind = FUNCTIONS[name]
    if before_name != after_name:
        return f"the {kind} {after_name or 'none'} instead of {before_name or 'none'}"
    return f"a changed {kind} {after_name} ({_explain_code(earlier.code, now.code, name)})"


def _explain_code(earlier: Mapping[str, Any], now: Mapping[str, Any], name: str) -> str:
    compiled = earlier.get("python", PYTHON)
    if compiled != PYTHON:
        return f"compiled by {PYTHON} instead of {compiled}"
    return (
        explain_change(earlier[name], now[name])
        if name in earlier
        else "its code, or a value that it holds"
    )


def _explain_fact(name: str, before: object, after: object) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        inner = [
            field
            for field in sorted(before.keys() | after.keys())
            if before.get(field) != after.get(field)
        ]
        return ", ".join(
            _explain_fact(field, before.get(field), after.get(field)) for field in inner
        )
    return f"{name} {_show(after)} instead of {_show(before)}"


def _show(value: object) -> str:
    return msgspec.json.encode(value).decode()
