"""Pickling a job for other processes, with an error that names the value that cannot be pickled."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, GeneratorType, MethodType

import cloudpickle

from mrimage.errors import UsageError, brief, describe

MOST_SEARCHED = 10_000
"""How many values are searched for the one that cannot be pickled."""


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value inside a job: the ``name`` that users know it by, and the function that holds it."""

    value: object
    name: str = ""
    holder: str = ""


def dumps(job: object) -> bytes:
    """Pickle ``job``, which holds the user's functions, with cloudpickle.

    Raises UsageError that names a value which cannot be pickled: a lock, an open file, a
    connection.
    """
    try:
        pickled: bytes = cloudpickle.dumps(job)
    except Exception as error:  # pickling runs code of the user's classes
        found = _find_unpicklable(HeldValue(job), set())
        raise UsageError(_explain(found, error)) from error
    return pickled


def _explain(found: HeldValue, error: Exception) -> str:
    name = f'"{found.name}"' if found.name else "a value"
    where = f" in {found.holder}" if found.holder else ""
    return (
        f"A job's functions are sent to other processes, but {name}{where} is "
        f"{_describe_value(found.value)}, which cannot be sent ({describe(error)}). "
        "Make it inside the function, or run with workers=1."
    )


def _describe_value(value: object) -> str:
    """Describe the type of the value for people."""
    if isinstance(value, io.IOBase):
        return f"an open file ({brief(getattr(value, 'name', type(value).__name__))})"
    if isinstance(value, GeneratorType):
        return "a generator"
    name = type(value).__name__
    if "lock" in name.lower() or name in ("Condition", "Semaphore", "Event"):
        return "a lock"
    module = type(value).__module__
    return f"a {name}" if module == "builtins" else f"a {module}.{name}"


def _find_unpicklable(held: HeldValue, seen: set[int]) -> HeldValue:
    """Return the innermost value in ``held`` that cannot be pickled. ``held`` itself cannot be
    pickled."""
    seen.add(id(held.value))
    for part in _parts(held):
        if id(part.value) in seen or len(seen) > MOST_SEARCHED:
            continue
        if not _can_be_pickled(part.value):
            return _find_unpicklable(part, seen)
        seen.add(id(part.value))
    return held


def _can_be_pickled(value: object) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001  # pickling runs code of the user's classes
        return False
    return True


def _parts(held: HeldValue) -> Iterator[HeldValue]:
    """Yield what the value is made of, under names that a user knows."""
    value = held.value
    name = held.name
    holder = held.holder
    if isinstance(value, functools.partial):
        for part in (value.func, *value.args):
            yield HeldValue(part, name, holder)
        yield from _named_parts(value.keywords, str, holder)
    elif isinstance(value, MethodType):
        yield HeldValue(value.__func__, name, holder)
        yield HeldValue(value.__self__, name, holder)
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, Mapping):
        yield from _named_parts(value, lambda key: f"{name}[{key!r}]", holder)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield HeldValue(part, name, holder)
    else:
        attributes = getattr(value, "__dict__", {})
        yield from _named_parts(attributes, lambda key: f"{name}.{key}".lstrip("."), holder)


def _named_parts(
    values: Mapping[str, object], name_of: Callable[[str], str], holder: str
) -> Iterator[HeldValue]:
    for key, value in values.items():
        yield HeldValue(value, name_of(key), holder)


def _parts_of_function(function: FunctionType) -> Iterator[HeldValue]:
    """Yield captured variables, defaults, globals that the code names, and attributes."""
    holder = f"the function {function.__qualname__}"
    for name, value in _values_of_function(function):
        yield HeldValue(value, name, holder)


def _values_of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        # A cell is empty while the enclosing function has not set the variable yet.
        if hasattr(cell, "cell_contents"):
            yield name, cell.cell_contents
    defaults = function.__defaults__ or ()
    arguments = code.co_varnames[: code.co_argcount]
    # Only the last arguments have defaults.
    with_default = arguments[len(arguments) - len(defaults) :]
    yield from zip(with_default, defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
    for name in sorted(_names_in(code)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    yield from vars(function).items()


def _names_in(code: CodeType) -> set[str]:
    """Return the global names in a function's code and in the functions inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names
