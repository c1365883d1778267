"""Digests of values and code: one walk over everything that a function uses."""

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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import (
    BuiltinFunctionType,
    CellType,
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

from mrimage.job.code import Reference, content, look_ups
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
"""Types whose values are fully described by ``repr``."""

_DESCRIPTORS = (
    MemberDescriptorType,
    GetSetDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    WrapperDescriptorType,
)

_CACHE = type(functools.lru_cache(len))

_STATELESS = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.local,
)
"""Types whose objects hold nothing that a result could depend on, at least before a run."""

_DYNAMIC = ("eval", "exec", "globals")
"""Built-in functions through which code may look up any global."""

_GENERATED = {
    "__dict__",
    "__weakref__",
    "__doc__",
    "__module__",
    "__qualname__",
    "__annotations__",
    "__slotnames__",
    "__abstractmethods__",
    "_abc_impl",
    "__firstlineno__",
    "__static_attributes__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
}
"""Members of a class that Python generates, or that only say where the class was written."""

_NOTEBOOK = ("In", "Out", "exit", "quit", "get_ipython", "open")
"""Globals that IPython puts into every notebook."""

Pieces = Iterable[bytes | str]
"""What a digest is made of: names, and the digests of inner values."""


def hash_pieces(*pieces: bytes | str) -> bytes:
    """Hash the pieces to 16 bytes. Each piece is hashed with its length, so that ``("ab", "c")``
    and ``("a", "bc")`` differ."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        # surrogatepass: a text may hold bytes of a file name that are not valid UTF-8.
        data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


class Digester:
    """Walks over everything that the function ``root`` is made of.

    ``parts`` collects the digests of parts that have a name for people, such as
    ``the global LIMIT``. Several parts may share a name.
    """

    def __init__(self, root: object) -> None:
        self.parts: dict[str, list[bytes]] = {}
        self._module = getattr(root, "__module__", None)
        # By id. The value is kept too, so that Python does not give its id to another object.
        self._done: dict[int, tuple[object, bytes]] = {}
        self._in_progress: dict[int, str] = {}

    def digest(self, value: object) -> bytes:
        """Return 16 bytes that are the same for equal values, in every process, no matter which of
        their parts are the same object."""
        kind = type(value)
        if kind in _ATOMS:
            return hash_pieces(kind.__name__, repr(value))
        number = id(value)
        if number in self._done:
            return self._done[number][1]
        if number in self._in_progress:
            return hash_pieces("cycle", self._in_progress[number])
        self._in_progress[number] = _type_name(value)
        try:
            digest = hash_pieces(kind.__qualname__, *self._pieces(value))
        finally:
            del self._in_progress[number]
        self._done[number] = (value, digest)
        return digest

    def _add_part(self, label: str, digest: bytes) -> None:
        self.parts.setdefault(label, []).append(digest)

    def _digest_part(self, label: str, value: object) -> bytes:
        """Digest a value and record it as a named part. The user's functions and classes record
        parts of their own instead."""
        digest = self.digest(value)
        if not isinstance(value, FunctionType | type) or _is_library(value):
            self._add_part(label, digest)
        return digest

    def _pieces(self, value: Any) -> Pieces:
        kind = type(value)
        if kind in (tuple, list):
            return map(self.digest, value)
        if kind in (dict, MappingProxyType):
            # In the order of the mapping, since a function may use the first match.
            return self._pairs(value.items())
        if kind in (set, frozenset):
            return sorted(map(self.digest, value))
        if isinstance(value, FunctionType | type | ModuleType | CodeType | MethodType):
            return self._code(value)
        if isinstance(value, functools.partial):
            return self._partial(value)
        if isinstance(value, staticmethod | classmethod):
            return [self.digest(value.__func__)]
        if isinstance(value, property):
            return map(self.digest, (value.fget, value.fset, value.fdel))
        if isinstance(value, BuiltinFunctionType | MethodWrapperType):
            return self._builtin(value)
        return self._object(value)

    def _object(self, value: Any) -> Pieces:
        if isinstance(value, _DESCRIPTORS):
            return (value.__objclass__.__qualname__, value.__name__)
        if isinstance(value, _CACHE):
            # Without the cached results, which change while the function is used.
            return (self.digest(value.__wrapped__), repr(value.cache_parameters()))
        if _is_array(value):
            return (repr(value.dtype.descr), repr(value.shape), value.tobytes())
        if isinstance(value, weakref.ref):
            return [self.digest(value())]
        if isinstance(value, contextvars.ContextVar):
            return [value.name]
        if _is_open_file(value):
            return (str(getattr(value, "name", "")), str(getattr(value, "mode", "")))
        if isinstance(value, _STATELESS):
            return ()
        return self._instance(value)

    def _pairs(self, pairs: Iterable[tuple[object, object]]) -> Iterator[bytes]:
        for name, value in pairs:
            yield self.digest(name)
            yield self.digest(value)

    def _builtin(self, value: Any) -> Pieces:
        # A built-in method is bound to its object, but a built-in function to its module.
        owner = value.__self__
        if isinstance(owner, ModuleType):
            owner = None
        return (str(value.__module__ or ""), value.__qualname__, self.digest(owner))

    def _partial(self, value: functools.partial[object]) -> Iterator[bytes]:
        yield self.digest(value.func)
        for number, argument in enumerate(value.args, 1):
            yield self._digest_part(f"the argument {number}", argument)
        for name, argument in value.keywords.items():
            yield self.digest(name)
            yield self._digest_part(f"the argument {name}", argument)

    def _code(self, value: Any) -> Pieces:
        if isinstance(value, MethodType):
            return (self.digest(value.__func__), self.digest(value.__self__))
        if isinstance(value, CodeType):
            return [content(value)]
        if isinstance(value, ModuleType):
            return self._whole_module(value)
        if _is_library(value):
            return (library_of(value.__module__), value.__module__, value.__qualname__)
        if isinstance(value, type):
            return self._class(value)
        return self._function(value)

    def _class(self, kind: type) -> Iterator[bytes | str]:
        yield kind.__qualname__
        yield from map(self.digest, (type(kind), *kind.__bases__))
        for name, member in sorted(vars(kind).items()):
            if name in _GENERATED:
                continue
            is_method = isinstance(member, staticmethod | classmethod)
            inner = member.__func__ if is_method else member
            yield name
            yield self._digest_part(f"the attribute {name} of {kind.__qualname__}", inner)
            yield type(member).__name__

    def _function(self, function: FunctionType) -> Iterator[bytes | str]:
        name = function.__qualname__.rpartition("<locals>.")[2]
        code = hash_pieces(content(function.__code__, function.__doc__))
        self._add_part(f"the code of {name}", code)
        yield code
        yield from self._defaults(function, name)
        yield from self._looked_up(function, name)
        for attribute, value in sorted(vars(function).items()):
            yield attribute
            yield self._digest_part(f"the attribute {attribute} of {name}", value)

    def _defaults(self, function: FunctionType, name: str) -> Iterator[bytes | str]:
        code = function.__code__
        defaults = function.__defaults__ or ()
        arguments = code.co_varnames[: code.co_argcount]
        # Only the last arguments have defaults.
        with_default = arguments[len(arguments) - len(defaults) :]
        named = dict(zip(with_default, defaults, strict=True))
        named |= function.__kwdefaults__ or {}
        for argument, default in named.items():
            yield argument
            yield self._digest_part(f"the default {argument} of {name}", default)

    def _looked_up(self, function: FunctionType, name: str) -> Iterator[bytes | str]:
        """The captured variables, globals and modules that a function uses."""
        found = look_ups(function.__code__)
        captured = _captured_values(function)
        for reference in found.captured:
            if reference.name in captured:
                value = captured[reference.name]
                yield from self._used(reference, value, f"the variable {{}} of {name}")
        is_same_module = function.__module__ == self._module
        where = "" if is_same_module else f" of {function.__module__}"
        for reference in found.global_names:
            yield from self._global(reference, function.__globals__, f"the global {{}}{where}")
        for module in found.imported:
            if module.startswith("."):
                # A relative import: the function's whole package.
                module = str(function.__globals__.get("__package__") or "")
            yield from self._import(module)

    def _global(
        self, reference: Reference, namespace: dict[str, object], label: str
    ) -> Iterator[bytes | str]:
        name = reference.name
        if name in namespace:
            yield from self._used(reference, namespace[name], label)
            return
        yield "builtin" if hasattr(builtins, name) else "missing"
        yield name
        if name in _DYNAMIC:
            for other, value in _public_globals(namespace):
                yield other
                yield self._digest_part(label.format(other), value)

    def _used(self, reference: Reference, value: object, label: str) -> Iterator[bytes | str]:
        """Digest what code uses of a value. Of a module of the user's own, that is only the
        attribute that the code reads."""
        path = reference.name
        for attribute in reference.attributes:
            if not (isinstance(value, ModuleType) and is_own_module(value)):
                break
            path = f"{path}.{attribute}"
            if not hasattr(value, attribute):
                yield "missing"
                yield path
                return
            value = getattr(value, attribute)
        yield path
        yield self._digest_part(label.format(path), value)

    def _import(self, module: str) -> Pieces:
        digest = source_digest(module)
        self._add_part(f"the module {module}", digest)
        return (module, digest)

    def _whole_module(self, module: ModuleType) -> Iterator[bytes | str]:
        name = module.__name__
        yield name
        if not is_own_module(module) and name in sys.modules:
            yield library_of(name)
        elif getattr(module, "__spec__", None) is not None:
            yield source_digest(name)
        else:
            # A script, or a module that was created by hand, has no source to read.
            for inner, value in _public_globals(vars(module)):
                yield inner
                yield self.digest(value)

    def _instance(self, value: object) -> Iterator[bytes | str]:
        """Take an object apart as pickle does."""
        kind = type(value)
        try:
            reduce = copyreg.dispatch_table.get(kind)
            reduced: Any = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001  # this runs code of any class
            yield self._random(value)
            return
        if isinstance(reduced, str):
            # The name of a global.
            yield str(getattr(value, "__module__", kind.__module__))
            yield reduced
            return
        # pickle allows 2 to 6 items; the sixth only says how to set the state.
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        yield self.digest(make)
        yield self.digest(arguments)
        yield from self._state(kind, state)
        yield from map(self.digest, items or ())
        yield from self._pairs(pairs or ())

    def _state(self, kind: type, state: object) -> Iterator[bytes | str]:
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            yield self.digest(state)
            return
        # Sorted, since it makes no difference which attribute was set first.
        for name, value in sorted(state.items()):
            yield name
            yield self._digest_part(f"the attribute {name} of {kind.__qualname__}", value)

    def _random(self, value: object) -> bytes:
        token = _token(value)
        kind = _type_name(type(value))
        label = f"an object that cannot be compared with an earlier one ({kind})"
        self._add_part(label, token)
        return token


_tokens: dict[int, tuple[object, bytes]] = {}
"""Weak references to objects that cannot be compared, with their tokens, by id."""


def _token(value: object) -> bytes:
    """Return random bytes for an object, the same ones for as long as it lives."""
    known = _tokens.get(id(value))
    if known and isinstance(known[0], weakref.ref) and known[0]() is value:
        return known[1]
    token = os.urandom(16)
    # TypeError: the object allows no weak references, so it gets a new token each time.
    with suppress(TypeError):
        _tokens[id(value)] = (weakref.ref(value), token)
    return token


def _captured_values(function: FunctionType) -> dict[str, object]:
    """Return the variables that a function has captured. A variable is left out if it has no value
    yet, because the enclosing function is still running."""
    cells: tuple[CellType, ...] = function.__closure__ or ()
    named = zip(function.__code__.co_freevars, cells, strict=True)
    return {name: cell.cell_contents for name, cell in named if hasattr(cell, "cell_contents")}


def _public_globals(namespace: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the globals that may be the user's, sorted by name."""
    for name, value in sorted(namespace.items()):
        if not name.startswith("_") and name not in _NOTEBOOK:
            yield name, value


def _is_library(value: object) -> bool:
    """Whether a function or class can be found by its name in a module that is not the user's."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or is_own_module(module):
        return False
    found: object = module
    for name in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is value


def _is_array(value: Any) -> bool:
    """Whether the value is a plain numpy array, whose bytes are its content."""
    kind = type(value)
    is_numpy = kind.__module__ == "numpy" and kind.__name__ in ("ndarray", "memmap")
    return is_numpy and not value.dtype.hasobject


def _is_open_file(value: object) -> bool:
    is_stream = isinstance(value, io.TextIOWrapper | io.BufferedIOBase | io.FileIO)
    return is_stream and hasattr(value, "fileno")


def _type_name(value: object) -> str:
    """Return the full name of a function or class, or of the class of any other value."""
    named = value if isinstance(value, FunctionType | type) else type(value)
    return f"{named.__module__}.{named.__qualname__}"
