"""The identity of a job's own code: equal for equal code and values in every process, and different for anything else.

A function is described by value: its bytecode, its defaults, what it has captured, and the globals that it looks up, and so
on through helper functions, classes and instances of the user's own. Code of installed libraries is described by name and
version. What cannot be described is different from everything, itself in another process included: better a job that
is asked to start over than yesterday's results.
"""

from __future__ import annotations

import builtins
import contextvars
import copyreg
import functools
import hashlib
import io
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from mrimage.job.code import Reference, content, references
from mrimage.job.modules import is_own_module, library_of, source_digest

_ATOMS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    range,
    type(Ellipsis),
    type(NotImplemented),
)
_DESCRIPTORS = (
    MemberDescriptorType,
    GetSetDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    WrapperDescriptorType,
)
_CACHE = type(functools.lru_cache(len))
_STATELESS = (type(threading.Lock()), type(threading.RLock()), threading.local)
"""They hold nothing that a result could depend on, or nothing yet."""

_DYNAMIC = ("eval", "exec", "globals")
"""Built-in functions through which code may look up any global."""

_GENERATED = {
    *(
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__annotations__",
        "__slotnames__",
    ),
    *(
        "__abstractmethods__",
        "_abc_impl",
        "__firstlineno__",
        "__static_attributes__",
        "__annotate__",
    ),
    *("__annotate_func__", "__annotations_cache__"),
}
"""Members of a class that Python makes, and those that say where it was written."""

_NOTEBOOK = ("In", "Out", "exit", "quit", "get_ipython", "open")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a function is. ``parts`` names what it is made of, each with a digest, to say what has changed."""

    digest: str
    parts: Mapping[str, str]


_before_use: dict[str, Identity] = {}
"""By the digest after a run in this process: the identity before it. A counter or a cache changes by being used, and that
makes no other job."""


def identify(function: Callable[..., object]) -> Identity:
    """The identity of ``function`` as it is now, but for what earlier runs in this process have changed in it."""
    now = _identify(function)
    return _before_use.get(now.digest, now)


def note_use(function: Callable[..., object], before: Identity) -> None:
    """Remember that a run turned ``before`` into what ``function`` is now."""
    after = _identify(function)
    if after.digest != before.digest:
        _before_use[after.digest] = before


def _identify(function: Callable[..., object]) -> Identity:
    walk = _Walk(function)
    try:
        digest = walk.digest(function)
    except RecursionError:
        digest = os.urandom(16)  # values nested this deep differ from everything
    parts = {
        label: _hash(*sorted(digests)).hex()[:16] for label, digests in sorted(walk.parts.items())
    }
    return Identity(digest.hex()[:16], parts)


def _hash(*pieces: bytes | str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


class _Walk:
    """One walk over everything that a function is made of."""

    def __init__(self, root: object) -> None:
        self.parts: dict[str, list[bytes]] = {}
        self._root = root
        self._module = getattr(root, "__module__", None)
        self._done: dict[
            int, tuple[object, bytes]
        ] = {}  # with the object, so that its number stays its own
        self._open: dict[int, str] = {}

    def digest(self, value: object) -> bytes:
        """The same for equal values, however they are shared, and in every process."""
        kind = type(value)
        if kind in _ATOMS:
            return _hash(kind.__name__, repr(value))
        number = id(value)
        if number in self._done:
            return self._done[number][1]
        if number in self._open:
            return _hash("cycle", self._open[number])
        self._open[number] = _name(value)
        try:
            digest = _hash(*self._pieces(value))
        finally:
            del self._open[number]
        self._done[number] = value, digest
        return digest

    def _note(self, label: str, digest: bytes) -> None:
        self.parts.setdefault(label, []).append(digest)

    def _noted(self, label: str, value: object) -> bytes:
        """The digest of a value that is a part with a name; functions and classes name their own parts."""
        digest = self.digest(value)
        if not isinstance(value, FunctionType | type) or _is_library(value):
            self._note(label, digest)
        return digest

    def _pieces(self, value: Any) -> Iterator[bytes | str]:
        kind = type(value)
        yield kind.__qualname__
        if kind in (tuple, list):
            yield from map(self.digest, value)
        elif kind in (
            dict,
            MappingProxyType,
        ):  # in their order: it decides where the first match wins
            for name, part in value.items():
                yield from (self.digest(name), self.digest(part))
        elif kind in (set, frozenset):
            yield from sorted(map(self.digest, value))
        elif isinstance(value, FunctionType | type | ModuleType | CodeType | MethodType):
            yield from self._code(value)
        elif isinstance(value, functools.partial):
            yield from self._partial(value)
        elif isinstance(value, staticmethod | classmethod):
            yield self.digest(value.__func__)
        elif isinstance(value, property):
            yield from map(self.digest, (value.fget, value.fset, value.fdel))
        elif isinstance(value, BuiltinFunctionType | MethodWrapperType):
            yield from (
                str(value.__module__ or ""),
                value.__qualname__,
                self._owner(value.__self__),
            )
        elif isinstance(value, _DESCRIPTORS):
            yield from (value.__objclass__.__qualname__, value.__name__)
        elif isinstance(value, _CACHE):  # without what it holds, which changes by being used
            yield from (self.digest(value.__wrapped__), repr(value.cache_parameters()))
        elif _is_array(value):
            yield from (repr(value.dtype.descr), repr(value.shape), value.tobytes())
        elif isinstance(value, weakref.ref):
            yield self.digest(value())
        elif isinstance(value, contextvars.ContextVar):
            yield value.name
        elif isinstance(value, io.TextIOWrapper | io.BufferedIOBase | io.FileIO) and hasattr(
            value, "fileno"
        ):
            yield from (str(getattr(value, "name", "")), str(getattr(value, "mode", "")))
        elif not isinstance(value, _STATELESS):
            yield from self._instance(value)

    def _owner(self, value: object) -> bytes:
        """What a built-in method is bound to; a built-in function is bound to its module."""
        return self.digest(None if isinstance(value, ModuleType) else value)

    def _partial(self, value: functools.partial[object]) -> Iterator[bytes]:
        yield self.digest(value.func)
        for number, argument in enumerate(value.args):
            yield self._noted(f"the argument {number + 1}", argument)
        for name, argument in value.keywords.items():
            yield from (self.digest(name), self._noted(f"the argument {name}", argument))

    def _code(self, value: Any) -> Iterator[bytes | str]:
        if isinstance(value, MethodType):
            yield from (self.digest(value.__func__), self.digest(value.__self__))
        elif isinstance(value, CodeType):
            yield content(value)
        elif isinstance(value, ModuleType):
            yield from self._whole_module(value)
        elif _is_library(value):
            yield from (library_of(value.__module__), value.__module__, value.__qualname__)
        elif isinstance(value, type):
            yield from self._class(value)
        else:
            yield from self._function(value)

    def _class(self, kind: type) -> Iterator[bytes | str]:
        yield kind.__qualname__
        yield from map(self.digest, (type(kind), *kind.__bases__))
        for name, member in sorted(vars(kind).items()):
            if name not in _GENERATED:
                yield from (
                    name,
                    self._noted(f"the attribute {name} of {kind.__qualname__}", _unwrapped(member)),
                )
                yield type(member).__name__

    def _function(self, function: FunctionType) -> Iterator[bytes | str]:
        name = function.__qualname__.rpartition("<locals>.")[2]
        code = _hash(content(function.__code__, function.__doc__))
        self._note(f"the code of {name}", code)
        yield code
        yield from self._defaults(function, name)
        cells = {
            variable: cell.cell_contents
            for variable, cell in zip(
                function.__code__.co_freevars, function.__closure__ or (), strict=True
            )
            if hasattr(
                cell, "cell_contents"
            )  # empty while the function that is to fill it is still running
        }
        looked_up, captured, imported = references(function.__code__)
        for reference in captured:
            if reference.name in cells:
                yield from self._found(
                    reference, cells[reference.name], f"the variable {{}} of {name}"
                )
        where = "" if function.__module__ == self._module else f" of {function.__module__}"
        for reference in looked_up:
            yield from self._global(reference, function.__globals__, f"the global {{}}{where}")
        for module in imported:
            own = module.startswith(".")
            yield from self._import(
                str(function.__globals__.get("__package__") or "") if own else module
            )
        for attribute, part in sorted(vars(function).items()):
            yield from (attribute, self._noted(f"the attribute {attribute} of {name}", part))

    def _defaults(self, function: FunctionType, name: str) -> Iterator[bytes | str]:
        code, defaults = function.__code__, function.__defaults__ or ()
        arguments = code.co_varnames[: code.co_argcount]
        named = dict(zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True))
        for argument, default in (named | (function.__kwdefaults__ or {})).items():
            yield from (argument, self._noted(f"the default {argument} of {name}", default))

    def _global(
        self, reference: Reference, namespace: dict[str, object], label: str
    ) -> Iterator[bytes | str]:
        if reference.name in namespace:
            yield from self._found(reference, namespace[reference.name], label)
            return
        yield from ("builtin" if hasattr(builtins, reference.name) else "missing", reference.name)
        if reference.name in _DYNAMIC:
            for name, value in sorted(namespace.items()):
                if not name.startswith("_") and name not in _NOTEBOOK:
                    yield from (name, self._noted(label.format(name), value))

    def _found(self, reference: Reference, value: object, label: str) -> Iterator[bytes | str]:
        """What a name leads to: through modules of the user's own to the one thing that is used of them."""
        path = reference.name
        for attribute in reference.attributes:
            if not (isinstance(value, ModuleType) and is_own_module(value)):
                break
            path = f"{path}.{attribute}"
            if not hasattr(value, attribute):
                yield from ("missing", path)
                return
            value = getattr(value, attribute)
        yield path
        yield self._noted(label.format(path), value)

    def _import(self, module: str) -> Iterator[bytes | str]:
        digest = source_digest(module)
        self._note(f"the module {module}", digest)
        yield from (module, digest)

    def _whole_module(self, module: ModuleType) -> Iterator[bytes | str]:
        yield module.__name__
        if not is_own_module(module) and module.__name__ in sys.modules:
            yield library_of(module.__name__)
        elif getattr(module, "__spec__", None) is not None:
            yield source_digest(module.__name__)
        else:  # __main__, or made by hand
            for name, value in sorted(vars(module).items()):
                if not name.startswith("_") and name not in _NOTEBOOK:
                    yield from (name, self.digest(value))

    def _instance(self, value: object) -> Iterator[bytes | str]:
        """An object as pickle would take it apart."""
        kind = type(value)
        try:
            reduce = copyreg.dispatch_table.get(kind)
            reduced: Any = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001  # code of any class
            yield self._unknown(value)
            return
        if isinstance(reduced, str):
            yield from (str(getattr(value, "__module__", kind.__module__)), reduced)
            return
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        yield from (self.digest(make), self.digest(arguments))
        yield from self._state(value, state)
        for item in items or ():
            yield self.digest(item)
        for name, item in pairs or ():
            yield from (self.digest(name), self.digest(item))

    def _state(self, value: object, state: object) -> Iterator[bytes | str]:
        """Attributes in the order of their names: which was set first decides nothing."""
        if not (isinstance(state, dict) and all(isinstance(name, str) for name in state)):
            yield self.digest(state)
            return
        for name, part in sorted(state.items()):
            yield from (
                name,
                self._noted(f"the attribute {name} of {type(value).__qualname__}", part),
            )

    def _unknown(self, value: object) -> bytes:
        token = _token(value)
        self._note(
            f"an object that cannot be compared with an earlier one ({_name(type(value))})", token
        )
        return token


_tokens: dict[int, tuple[object, bytes]] = {}


def _token(value: object) -> bytes:
    """A number that no other object has, and no other process; the object's own as long as it lives."""
    known = _tokens.get(id(value))
    if known and isinstance(known[0], weakref.ref) and known[0]() is value:
        return known[1]
    token = os.urandom(16)
    with suppress(TypeError):  # it takes no weak references: different each time
        _tokens[id(value)] = weakref.ref(value), token
    return token


def _is_library(value: object) -> bool:
    """Whether a function or class is found by its name in a module that is not the user's own."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or is_own_module(module):
        return False
    found: object = module
    for name in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is value


def _is_array(value: Any) -> bool:
    """Whether it is a plain numpy array, whose bytes are its values."""
    kind = type(value)
    is_numpy = kind.__module__ == "numpy" and kind.__name__ in ("ndarray", "memmap")
    return is_numpy and not value.dtype.hasobject


def _unwrapped(member: object) -> object:
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member


def _name(value: object) -> str:
    named = value if isinstance(value, FunctionType | type) else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that are not the same in two identities."""
    names: Iterable[str] = sorted(before.keys() | now.keys())
    return [name for name in names if before.get(name) != now.get(name)]
