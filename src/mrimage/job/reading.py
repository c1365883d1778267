"""Jobs from text: options of the command line, TOML files, and ``module:name`` of a Job in
Python."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mrimage.errors import UsageError, unknown
from mrimage.job.field import Field, Owner
from mrimage.job.fields import JOB_FIELDS
from mrimage.job.importing import load_object
from mrimage.job.job import Job
from mrimage.types import Edits


def flag_or_name(field: Field) -> str:
    """Return what messages call the option of a command line."""
    return field.flag or field.name


def build_job(
    options: Mapping[str, object],
    base: Job | None = None,
    called: Callable[[Field], str] = flag_or_name,
) -> Job:
    """Build the Job that ``options`` describe, by the names in JOB_FIELDS. What they leave out
    comes from ``base``.

    ``called`` returns what messages call an option. Raises UsageError for an unknown name and for
    a value of the wrong type.
    """
    base = base or Job()
    values = _convert(options, called)
    job_values = values["Job"]
    if "key" in job_values and (job_values.get("map") or base.map):
        raise UsageError(
            "A job's own map says which key an image has, but got --key as well. "
            "Leave out one of them."
        )
    if values["Edits"]:
        job_values["edits"] = _with_options(job_values.get("edits", base.edits), values["Edits"])
    limits = replace(base.limits, **values["Limits"])
    return replace(base, limits=limits, **job_values)


def _with_options(edits: object, options: Mapping[str, Any]) -> Edits:
    """Return a job's ``edits`` with ``options`` in place of their own."""
    if edits is None or isinstance(edits, Edits):
        return replace(edits or Edits(), **options)
    names = " and ".join(flag_or_name(JOB_FIELDS[name]) for name in options)
    raise UsageError(
        f"The job's own function says how images are edited, but got {names} as well. "
        "Leave out one of them."
    )


def _convert(
    options: Mapping[str, object], called: Callable[[Field], str]
) -> dict[Owner, dict[str, Any]]:
    """Convert the options from text, and sort them by the dataclass that owns them."""
    values: dict[Owner, dict[str, Any]] = {"Job": {}, "Edits": {}, "Limits": {}}
    for name, value in options.items():
        if name not in JOB_FIELDS:
            raise unknown("an option of a job", name, JOB_FIELDS)
        field = JOB_FIELDS[name]
        values[field.owner][name] = field.type.from_text(called(field), value)
    return values


def load_job(spec: str) -> Job:
    """Load the job that ``--job`` names: a TOML file, or ``module:name`` of a Job in Python.
    Raises UsageError."""
    if spec.endswith(".toml"):
        return _load_toml(Path(spec))
    if ":" not in spec:
        raise UsageError(f'--job needs FILE.toml or module:name, but got "{spec}".')
    found = load_object(spec)
    if not isinstance(found, Job):
        raise UsageError(
            f"--job needs the name of a mrimage.Job, but {spec} is {type(found).__name__}."
        )
    return found


def _load_toml(path: Path) -> Job:
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(
            f"--job needs a TOML file that can be read, but {path}: {error.strerror}."
        ) from None
    except (ValueError, RecursionError) as error:
        # ValueError: invalid TOML or UTF-8, or a file name with a NUL.
        raise UsageError(f"--job needs valid TOML, but {path} is not: {error}.") from None
    try:
        named = {name.replace("-", "_"): value for name, value in options.items()}
        if "rule" in named:  # [[rule]] is one rule, as --rule is
            named["rules"] = named.pop("rule")
        if "from" in named:  # a word that Python keeps for itself
            named["from_out"] = named.pop("from")
        return build_job(named, called=lambda field: field.name)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
