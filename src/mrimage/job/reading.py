"""Jobs that are written down: options of the command line, TOML files, and ``module:name`` of a
Job in Python."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mrimage.errors import UsageError, unknown
from mrimage.job.fields import JOB_FIELDS, Field, Owner
from mrimage.job.importing import load_object
from mrimage.job.job import Job
from mrimage.types import Edits


def build_job(
    options: Mapping[str, object],
    base: Job | None = None,
    called: Callable[[Field], str] = lambda field: field.flag or field.name,
) -> Job:
    """The Job that ``options`` describe, by the names of JOB_FIELDS; what they leave out comes
    from ``base``.

    Raises UsageError for an unknown name and for a value of the wrong kind, calling the option
    as ``called`` says.
    """
    values: dict[Owner, dict[str, Any]] = {"Job": {}, "Edits": {}, "Limits": {}}
    for name, value in options.items():
        if name not in JOB_FIELDS:
            raise unknown("an option of a job", name, JOB_FIELDS)
        field = JOB_FIELDS[name]
        values[field.owner][name] = field.type.from_text(called(field), value)
    base = base or Job()
    own = values["Job"]
    if "key" in own and (own.get("map") or base.map):
        raise UsageError(
            "A job's own map says which key an image has, but got --key as well. Leave out one of them."
        )
    if values["Edits"]:
        own["edits"] = replace(base.edits or Edits(), **values["Edits"])
    return replace(base, limits=replace(base.limits, **values["Limits"]), **own)


def load_job(spec: str) -> Job:
    """The job behind ``--job``: a TOML file, or ``module:name`` of a Job in Python. Raises
    UsageError."""
    if spec.endswith(".toml"):
        return _load_toml(Path(spec))
    if ":" in spec:
        found = load_object(spec)
        if not isinstance(found, Job):
            raise UsageError(
                f"--job needs the name of a mrimage.Job, but {spec} is {type(found).__name__}."
            )
        return found
    raise UsageError(f'--job needs FILE.toml or module:name, but got "{spec}".')


def _load_toml(path: Path) -> Job:
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(
            f"--job needs a TOML file that can be read, but {path}: {error.strerror}."
        ) from None
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of a name with a NUL
        raise UsageError(f"--job needs valid TOML, but {path} is not: {error}.") from None
    try:
        named = {name.replace("-", "_"): value for name, value in options.items()}
        return build_job(named, called=lambda field: field.name)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
