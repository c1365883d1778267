"""Telling the functions of a job apart: the same code with the same captured values is the same function."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType

import msgspec


def describe_function(function: Callable[..., object] | None) -> str | None:
    """``module:name (hash)``; the hash covers its source, its defaults and the plain values that it captured.

    What it calls is not looked at: an edited helper in another place leaves the description as it was.
    """
    if function is None:
        return None
    digest = hashlib.blake2b(digest_size=4)
    for text in _content(function, set()):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return f"{name_function(function)} ({digest.hexdigest()})"


def name_function(function: Callable[..., object]) -> str:
    """``module:name``, of what is behind partials and wrappers, and of the class of an object that can be called."""
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = (
            function.func if isinstance(function, functools.partial) else function.__wrapped__
        )
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def _content(value: object, seen: set[int]) -> Iterator[str]:
    """Texts that name a function or a captured value, the same in every process."""
    if id(value) in seen:
        return
    seen.add(id(value))
    match value:
        case functools.partial():
            parts: tuple[object, ...] = (value.func, value.args, value.keywords)
        case MethodType():
            parts = (value.__func__, value.__self__)
        case FunctionType():
            yield _source(value)
            cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
            parts = (value.__defaults__, value.__kwdefaults__, *cells)
        case tuple() | list():
            parts = tuple(value)
        case _:
            yield _plain(value)
            parts = ()
    for part in parts:
        yield from _content(part, seen)


def _plain(value: object) -> str:
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (TypeError, ValueError):
        kind = value if isinstance(value, type) else type(value)
        state = vars(value) if not isinstance(value, type) and hasattr(value, "__dict__") else {}
        plain = {
            name: part
            for name, part in state.items()
            if isinstance(part, str | int | float | bool | None)
        }
        return f"{_source(kind)} {sorted(plain.items())}"


def _source(function: FunctionType | type) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed at a prompt, or built in
        code = getattr(function, "__code__", None)
        return _bytecode(code) if code else f"{function.__module__}:{function.__qualname__}"


def _bytecode(code: CodeType) -> str:
    return f"{code.co_code.hex()} {code.co_names} {[_constant(item) for item in code.co_consts]}"


def _constant(item: object) -> str:
    if isinstance(item, CodeType):
        return _bytecode(item)
    return repr(sorted(map(repr, item)) if isinstance(item, frozenset) else item)


def _is_filled(cell: object) -> bool:
    """A cell is empty while the function that is to fill it is still running."""
    return hasattr(cell, "cell_contents")
