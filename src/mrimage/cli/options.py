"""Options as text, from the command line or a TOML file, into a Job. One table serves both."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from mrimage.errors import UsageError, brief, describe, unknown
from mrimage.image import COLOR_SPACES, CORRECTIONS, ENCODERS
from mrimage.job.job import Job
from mrimage.sink import SINKS
from mrimage.types import Crop, Edits, Fit

EDITS = (
    "crop",
    "resize",
    "fit",
    "enlarge",
    "to",
    "correct",
    "format",
    "quality",
    "background",
    "metadata",
)
LIMITS = ("max_pixels", "deadline", "memory", "allow_truncated")


def build_job(options: Mapping[str, object], base: Job | None = None) -> Job:
    """The Job that ``options`` describe, by the names of JOB_OPTIONS; what they leave out comes from ``base``.

    Raises UsageError for an unknown name or a value that is none, naming what was expected.
    """
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in JOB_OPTIONS:
            raise unknown("a job's option", name, JOB_OPTIONS)
        values[name] = JOB_OPTIONS[name](f"--{name.replace('_', '-')}", value)
    base = base or Job()
    if "key" in values and (values.get("map") or base.map):
        raise UsageError(
            "Expected either --key or a map, but received both: a job's own mapper says which key an image has. "
            "Leave out one of them."
        )
    edits = {name: values.pop(name) for name in EDITS if name in values}
    limits = {name: values.pop(name) for name in LIMITS if name in values}
    if edits:
        values["edits"] = replace(base.edits or Edits(), **edits)
    return replace(base, limits=replace(base.limits, **limits), **values)


def load_job(spec: str) -> Job:
    """The job behind ``--job``: a TOML file, or ``module:name`` of a Job in Python."""
    if spec.endswith(".toml"):
        return _load_toml(Path(spec))
    if ":" in spec:
        found = load_object(spec)
        if not isinstance(found, Job):
            raise UsageError(
                f"Expected --job to name a mrimage.Job, but {spec} is {type(found).__name__}."
            )
        return found
    raise UsageError(f'Expected --job as FILE.toml or module:name, but received "{spec}".')


def _load_toml(path: Path) -> Job:
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(
            f"Expected --job as a readable TOML file, but {path}: {error.strerror}."
        ) from None
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of a name with a NUL
        raise UsageError(f"Expected {path} as valid TOML, but: {error}.") from None
    try:
        return build_job({name.replace("-", "_"): value for name, value in options.items()})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def load_object(spec: str) -> object:
    """``module:name`` imported, from the working directory too."""
    if not re.fullmatch(r"([^\W\d]\w*\.)*[^\W\d]\w*:[^\W\d]\w*", spec):
        raise UsageError(f"Expected a name in Python as module:name, but received {brief(spec)}.")
    module, _, name = spec.partition(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109  # sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f'Expected "{spec}" as module:name, but there is no module {error.name}.'
        ) from None
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        told = f'Expected "{spec}" as module:name, but importing {module} raised {describe(error)}.'
        raise UsageError(told) from error
    if not hasattr(found, name):
        raise unknown(
            f"a name of module {module}",
            name,
            [key for key in vars(found) if not key.startswith("_")],
        )
    return getattr(found, name)


def parse_size(option: str, value: object) -> tuple[int, int]:
    """``512x512`` as (width, height), both from 1 to 65535."""
    match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", str(value))
    if not match or not all(1 <= int(side) <= 65535 for side in match.groups()):
        raise _expected(option, "WIDTHxHEIGHT, for example 512x512", value)
    return int(match[1]), int(match[2])


def parse_crop(option: str, value: object) -> Crop:
    """``512x512`` at the centre, or ``512x512+10+20`` from the left upper corner (10, 20)."""
    match = re.fullmatch(
        r"([0-9]{1,5})[xX]([0-9]{1,5})(?:\+([0-9]{1,6})\+([0-9]{1,6}))?", str(value)
    )
    if not match or int(match[1]) < 1 or int(match[2]) < 1:
        raise _expected(
            option, "WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y, for example 512x512+10+20", value
        )
    width, height, x, y = (None if group is None else int(group) for group in match.groups())
    return Crop(width or 1, height or 1, x, y)


def parse_names(option: str, value: object) -> tuple[str, ...]:
    """Names separated by commas, or a list of them; repeated options come as a list."""
    items = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, str) for item in items):
        raise _expected(option, "names separated by commas", value)
    names = tuple(name.strip() for item in items for name in str(item).split(",") if name.strip())
    if not names:
        raise _expected(option, "at least one name", " ".join(map(str, items)))
    return names


def parse_globs(option: str, value: object) -> tuple[str, ...]:
    """One pattern or a list of them; a comma is part of a pattern."""
    items = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, str) for item in items):
        raise _expected(option, "a pattern or a list of them", value)
    return tuple(items)


def parse_color(option: str, value: object) -> tuple[int, int, int]:
    """``white``, ``black``, ``gray`` or ``#rrggbb`` as sRGB, 0..255."""
    names = {"white": "#ffffff", "black": "#000000", "gray": "#808080"}
    match = re.fullmatch(
        r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", names.get(str(value), str(value))
    )
    if not match:
        raise _expected(option, "a colour as #rrggbb, white, black or gray", value)
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def parse_bytes(option: str, value: object) -> int:
    """``256MB``, ``2GB`` or a number of bytes; units are powers of 1000."""
    match = re.fullmatch(r"([0-9]{1,15}) *([kKMGT]?)B?", str(value))
    if not match or int(match[1]) < 1:
        raise _expected(option, "a size, for example 256MB", value)
    power = " kMGT".index(match[2].replace("K", "k") or " ")
    return int(match[1]) * int(1000**power)


def whole(low: int, high: int) -> Callable[[str, object], int]:
    """A parser of whole numbers from ``low`` to ``high``."""

    def parse(option: str, value: object) -> int:
        if (
            isinstance(value, bool)
            or not re.fullmatch(r"[0-9]{1,15}", str(value))
            or not low <= int(str(value)) <= high
        ):
            raise _expected(option, f"a whole number from {low} to {high}", value)
        return int(str(value))

    return parse


def one_of(*names: str) -> Callable[[str, object], str]:
    """A parser of one of ``names``."""

    def parse(option: str, value: object) -> str:
        if value not in names:
            raise unknown(option, str(value), names)
        return str(value)

    return parse


def _seconds(option: str, value: object) -> float:
    if (
        isinstance(value, bool)
        or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(value))
        or not float(str(value)) > 0
    ):
        raise _expected(option, "a number of seconds", value)
    return float(str(value))


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _expected(option, "true or false", value)
    return value


def _function(option: str, value: object) -> object:
    found = load_object(str(value)) if ":" in str(value) else None
    if not callable(found):
        raise _expected(option, "a function as module:name", value)
    return found


def _expected(option: str, what: str, received: object) -> UsageError:
    text = str(received) if isinstance(received, str | int | float) else brief(received)
    text = text.lower() if isinstance(received, bool) else text  # as TOML writes it
    return UsageError(
        f'Expected {option} as {what}, but received "{text if len(text) < 80 else brief(received)}".'
    )


JOB_OPTIONS: Mapping[str, Callable[[str, object], object]] = {
    "key": parse_names,
    "extract": parse_names,
    "group": parse_names,
    "resize": parse_size,
    "fit": one_of(*get_args(Fit)),
    "crop": parse_crop,
    "enlarge": _flag,
    "to": one_of(*COLOR_SPACES),
    "correct": one_of(*CORRECTIONS),
    "format": one_of(*ENCODERS),
    "quality": whole(1, 100),
    "background": parse_color,
    "metadata": one_of("keep", "copyright", "strip"),
    "output": one_of(*SINKS),
    "shard_size": parse_bytes,
    "include": parse_globs,
    "exclude": parse_globs,
    "all_files": _flag,
    "max_pixels": whole(1, 1 << 40),
    "deadline": _seconds,
    "memory": parse_bytes,
    "allow_truncated": _flag,
    "map": _function,
    "reduce": _function,
    "combine": _function,
}
"""Every option of a job, with the function that turns its text into a value."""
