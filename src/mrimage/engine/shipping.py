"""Sending the user's own code along, and loading it where it arrives.

Workers on other machines have mrimage, but not the file that a mapper was written in: what no installation has goes
by value. A worker that cannot load what it was sent says so once, with the user's own traceback.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import cloudpickle

from mrimage.errors import EngineError, describe
from mrimage.job.pickling import dumps

OURS = str(Path(__file__).parents[1])
"""The folder of the package: its frames in a traceback say nothing to a user."""


def ship(what: object) -> bytes:
    """``what``, a function that may be a partial of others, pickled with the modules of its functions by value.

    Modules of installed packages go by name; those beside the user's module go along with it.
    """
    modules = _own_modules(what)
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        pickled = dumps(what)
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return pickled


def load(shipped: bytes) -> Callable[..., Any]:
    """The function that was shipped; where it cannot be loaded, one that raises EngineError, which is not retried."""
    try:
        function: Callable[..., Any] = cloudpickle.loads(shipped)
    except BaseException as error:  # noqa: BLE001  # the user's modules are imported here, and may do anything
        return partial(_refuse, *_explain(error))
    return function


def parts_of(what: object) -> Iterator[object]:
    """``what`` and everything that it is made of: a partial's function and arguments, a dataclass's fields."""
    yield what
    inner: tuple[object, ...] = ()
    if isinstance(what, partial):
        inner = (what.func, *what.args, *what.keywords.values())
    elif is_dataclass(what) and not isinstance(what, type):
        inner = tuple(getattr(what, field.name) for field in fields(what))
    for part in inner:
        yield from parts_of(part)


def _explain(error: BaseException) -> tuple[str, str]:
    """An error of loading, in one line with the place in the user's code, and its whole traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith((OURS, "<", str(Path(cloudpickle.__file__).parent)))
    ]
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    told = f"The job cannot be loaded in a worker: {describe(error)}{place}. "
    return told, "".join(traceback.format_exception(error))


def _refuse(told: str, whole: str, *_: object) -> NoReturn:
    failure = EngineError(
        told + "Workers import what the driver can import; nothing else is on their path."
    )
    failure.add_note(whole)
    raise failure


def _own_modules(what: object) -> list[ModuleType]:
    """The modules of the functions in ``what``, and every loaded module in the folders where those lie."""
    functions = [part for part in parts_of(what) if callable(part)]
    found = [inspect.getmodule(inspect.unwrap(function)) for function in functions]
    folders = {
        Path(module.__file__).parent
        for module in found
        if module and _is_own(module) and module.__file__
    }
    return [
        module
        for module in list(sys.modules.values())
        if _is_own(module) and module.__file__ and folders & set(Path(module.__file__).parents)
    ]


def _is_own(module: ModuleType) -> bool:
    """Whether no installation on a worker would have ``module``."""
    path = getattr(module, "__file__", None)
    if (
        path is None
        or module.__name__ == "__main__"
        or module.__name__.partition(".")[0] == "mrimage"
    ):
        return False
    installed = {
        Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    return not installed & set(Path(path).parents)
