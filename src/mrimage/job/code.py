"""What the bytecode of a function says: its content, and the names outside it that it looks up."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_NAMES = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_SILENT = ("CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL", "PRECALL", "COPY_FREE_VARS")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that code looks up outside itself, with the attributes that it asks of what it finds: ``np.linalg.norm`` is
    the name ``np`` with the attributes ``linalg`` and ``norm``."""

    name: str
    attributes: tuple[str, ...]


def codes(code: CodeType) -> Iterator[CodeType]:
    """``code`` and the functions, classes and comprehensions that are written inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def references(code: CodeType) -> tuple[list[Reference], list[Reference], list[str]]:
    """What ``code``, with all that is written inside it, looks up: globals, captured variables, and the modules that it
    imports when it runs (``.name`` is relative, by a dot for each level). Each is sorted and named once."""
    loaded: set[Reference] = set()
    captured: set[Reference] = set()
    imported: set[str] = set()
    for part in codes(code):
        instructions = [item for item in dis.get_instructions(part) if item.opname not in _SILENT]
        for at, item in enumerate(instructions):
            if item.opname in _NAMES:
                loaded.add(Reference(item.argval, _attributes(instructions, at + 1)))
            elif item.opname == "LOAD_DEREF":
                captured.add(Reference(item.argval, _attributes(instructions, at + 1)))
            elif item.opname == "IMPORT_NAME":
                level = instructions[at - 2].argval
                imported.add("." * (level if isinstance(level, int) else 0) + item.argval)
    order = sorted(loaded, key=_order), sorted(captured, key=_order)
    return *order, sorted(imported)


def content(code: CodeType, skip_docstring: str | None = None) -> str:
    """Text that is equal for equal code: without names of files and numbers of lines, and the same in every process.

    ``skip_docstring`` is the function's docstring, which is the first constant.
    """
    constants = list(code.co_consts)
    if skip_docstring is not None and constants and constants[0] == skip_docstring:
        constants[0] = None
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    body = (code.co_code.hex(), code.co_exceptiontable.hex())
    return f"{shape} {names} {body} {[_constant(item) for item in constants]}"


def _constant(item: object) -> str:
    """``1``, ``1.0`` and ``True`` are equal in Python, and not to a user."""
    kind = type(item).__name__
    if isinstance(item, CodeType):
        return f"{kind} {item.co_name} {content(item)}"
    if isinstance(item, frozenset):
        return f"{kind} {sorted(map(_constant, item))}"
    if isinstance(item, tuple):
        return f"{kind} {[_constant(part) for part in item]}"
    return f"{kind} {item!r}"


def _attributes(instructions: list[dis.Instruction], start: int) -> tuple[str, ...]:
    names = []
    for item in instructions[start:]:
        if item.opname not in _ATTRIBUTES:
            break
        names.append(item.argval)
    return tuple(names)


def _order(reference: Reference) -> tuple[str, tuple[str, ...]]:
    return reference.name, reference.attributes
