"""Pickling a job for other processes, with an error that says what in it cannot be sent."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, GeneratorType, MethodType

import cloudpickle

from mrimage.errors import UsageError, brief, describe

MOST = 10_000
"""Values that are looked at in search of the one at fault."""


@dataclass(frozen=True, slots=True)
class Captive:
    """A value that cannot be sent, the name that it has where it is held, and the function that holds it."""

    value: object
    name: str = ""
    holder: str = ""


def dumps(what: object) -> bytes:
    """``what``, which holds functions of the user's, pickled by cloudpickle.

    Raises UsageError that names a value in it which cannot be pickled: a lock, an open file, a connection.
    """
    try:
        pickled: bytes = cloudpickle.dumps(what)
    except Exception as error:  # whatever a class of the user's raises in its pickling
        captive = _search(Captive(what), set())
        raise UsageError(_explain(captive, error)) from error
    return pickled


def _explain(captive: Captive, error: Exception) -> str:
    called = f'"{captive.name}"' if captive.name else "a value"
    where = f" in {captive.holder}" if captive.holder else ""
    return (
        f"A job's functions go to other processes, but {called}{where} is {_kind(captive.value)}, "
        f"which cannot be sent ({describe(error)}). Make it inside the function, or run with workers=1."
    )


def _kind(value: object) -> str:
    """What the value is, for people."""
    if isinstance(value, io.IOBase):
        return f"an open file ({brief(getattr(value, 'name', type(value).__name__))})"
    if isinstance(value, GeneratorType):
        return "a generator"
    name = type(value).__name__
    if "lock" in name.lower() or name in ("Condition", "Semaphore", "Event"):
        return "a lock"
    return f"a {type(value).__module__}.{name}".replace(" builtins.", " ")


def _search(held: Captive, seen: set[int]) -> Captive:
    """The innermost value that cannot be pickled, in ``held``, which cannot."""
    seen.add(id(held.value))
    for part in _parts(held):
        if id(part.value) in seen or len(seen) > MOST:
            continue
        if not _goes(part.value):
            return _search(part, seen)
        seen.add(id(part.value))
    return held


def _goes(value: object) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001  # the same again
        return False
    return True


def _parts(held: Captive) -> Iterator[Captive]:
    """What the value is made of, as far as it has names that a user knows."""
    value, name, holder = held.value, held.name, held.holder
    if isinstance(value, functools.partial):
        yield from (Captive(part, name, holder) for part in (value.func, *value.args))
        yield from (Captive(part, key, holder) for key, part in value.keywords.items())
    elif isinstance(value, MethodType):
        yield from (Captive(part, name, holder) for part in (value.__func__, value.__self__))
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, Mapping):
        yield from (Captive(part, f"{name}[{key!r}]", holder) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (Captive(part, name, holder) for part in value)
    else:
        attributes = getattr(value, "__dict__", {})
        yield from (
            Captive(part, f"{name}.{key}".lstrip("."), holder) for key, part in attributes.items()
        )


def _parts_of_function(function: FunctionType) -> Iterator[Captive]:
    """Captured values, defaults, and the globals that the function's code names."""
    code = function.__code__
    holder = f"the function {function.__qualname__}"
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        if hasattr(cell, "cell_contents"):
            yield Captive(cell.cell_contents, name, holder)
    defaults = function.__defaults__ or ()
    arguments = code.co_varnames[: code.co_argcount]
    for name, value in zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True):
        yield Captive(value, name, holder)
    for name, value in (function.__kwdefaults__ or {}).items():
        yield Captive(value, name, holder)
    for name in sorted(_names_in(code)):
        if name in function.__globals__:
            yield Captive(function.__globals__[name], name, holder)
    yield from (Captive(value, name, holder) for name, value in vars(function).items())


def _names_in(code: CodeType) -> set[str]:
    """Global names in a function's code and in the functions inside it."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))
