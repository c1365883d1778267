"""What a function's bytecode contains: its content, and the outside names that it looks up."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

_ATTRIBUTE_OPS = ("LOAD_ATTR", "LOAD_METHOD")
_NAME_OPS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")

_SKIPPED_OPS = (
    "CACHE",
    "EXTENDED_ARG",
    "NOP",
    "PUSH_NULL",
    "PRECALL",
    "COPY_FREE_VARS",
)
"""Instructions between a name and its attributes that look nothing up."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that code looks up outside itself, and the attributes that it then reads.

    ``np.linalg.norm`` is the name ``np`` with the attributes ``linalg`` and ``norm``.
    """

    name: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookUps:
    """What code looks up outside itself. Each list is sorted and has no repeats.

    ``imported`` lists the modules that the code imports when it runs. A relative name starts with
    a dot for each level.
    """

    global_names: list[Reference]
    captured: list[Reference]
    imported: list[str]


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield ``code`` and the code of the functions, classes and comprehensions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested_codes(constant)


def look_ups(code: CodeType) -> LookUps:
    """Find what ``code``, with all code inside it, looks up."""
    global_names: set[Reference] = set()
    captured: set[Reference] = set()
    imported: set[str] = set()
    for part in nested_codes(code):
        instructions = [
            item for item in dis.get_instructions(part) if item.opname not in _SKIPPED_OPS
        ]
        for at, item in enumerate(instructions):
            if item.opname in _NAME_OPS:
                attributes = _attributes_read(instructions, at + 1)
                global_names.add(Reference(item.argval, attributes))
            elif item.opname == "LOAD_DEREF":
                attributes = _attributes_read(instructions, at + 1)
                captured.add(Reference(item.argval, attributes))
            elif item.opname == "IMPORT_NAME":
                imported.add(_imported_name(instructions, at))
    return LookUps(
        sorted(global_names, key=_sort_key),
        sorted(captured, key=_sort_key),
        sorted(imported),
    )


def _imported_name(instructions: list[dis.Instruction], at: int) -> str:
    # An import pushes the level of a relative name and the list of names before IMPORT_NAME.
    level = instructions[at - 2].argval
    dots = "." * level if isinstance(level, int) else ""
    return f"{dots}{instructions[at].argval}"


def content(code: CodeType, skip_docstring: str | None = None) -> str:
    """Return text that is equal for equal code, in every process. File names and line numbers are
    left out.

    ``skip_docstring`` is the function's docstring, which is the first constant.
    """
    constants = list(code.co_consts)
    if skip_docstring is not None and constants and constants[0] == skip_docstring:
        constants[0] = None
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    body = (code.co_code.hex(), code.co_exceptiontable.hex())
    return f"{shape} {names} {body} {[_describe_constant(item) for item in constants]}"


def _describe_constant(item: object) -> str:
    # The type is part of the text: 1, 1.0 and True are equal in Python, but not to a user.
    type_name = type(item).__name__
    if isinstance(item, CodeType):
        return f"{type_name} {item.co_name} {content(item)}"
    if isinstance(item, frozenset):
        # The order of a set of texts differs from process to process.
        return f"{type_name} {sorted(map(_describe_constant, item))}"
    if isinstance(item, tuple):
        return f"{type_name} {[_describe_constant(part) for part in item]}"
    return f"{type_name} {item!r}"


def _attributes_read(instructions: list[dis.Instruction], start: int) -> tuple[str, ...]:
    """Return the attributes that the instructions from ``start`` on read, one of the other."""
    names = []
    for item in instructions[start:]:
        if item.opname not in _ATTRIBUTE_OPS:
            break
        names.append(item.argval)
    return tuple(names)


def _sort_key(reference: Reference) -> tuple[str, tuple[str, ...]]:
    return reference.name, reference.attributes
