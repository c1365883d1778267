"""Sends the user's own code to workers, and loads it there.

Workers on other machines have mrimage, but not the file that a mapper was written in. So modules
that are not installed are pickled by value. A worker that cannot load what it received reports so
once, with the traceback of the user's code.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import cloudpickle

from mrimage.errors import EngineError, describe
from mrimage.job.pickling import dumps

PACKAGE = str(Path(__file__).parents[1])
"""The folder of this package, whose frames in a traceback mean nothing to a user."""

_INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
"""sysconfig's names for the folders of installed modules."""


def ship(what: object) -> bytes:
    """Pickle ``what``, a function or a partial, with the modules of its functions by value.

    Installed packages are pickled by name; modules beside the user's module are included.
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
    """Load a shipped function.

    If it cannot be loaded, return a function that raises EngineError, which is not retried.
    """
    try:
        function: Callable[..., Any] = cloudpickle.loads(shipped)
    # Importing the user's modules may raise anything, SystemExit included.
    except BaseException as error:  # noqa: BLE001
        return partial(_refuse, *_explain(error))
    return function


def parts_of(what: object) -> Iterator[object]:
    """Yield ``what`` and its parts: a partial's function and arguments, a dataclass's fields, a
    tuple's items."""
    yield what
    inner: tuple[object, ...] = ()
    if isinstance(what, partial):
        inner = (what.func, *what.args, *what.keywords.values())
    elif is_dataclass(what) and not isinstance(what, type):
        inner = tuple(getattr(what, field.name) for field in fields(what))
    elif isinstance(what, tuple):
        inner = what
    for part in inner:
        yield from parts_of(part)


def _explain(error: BaseException) -> tuple[str, str]:
    """Describe an error of loading: a line with the place in the user's code, and the traceback."""
    # Frames of frozen modules and of exec have file names such as "<frozen importlib>".
    pickler = str(Path(cloudpickle.__file__).parent)
    foreign = (PACKAGE, "<", pickler)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(foreign)]
    place = ""
    if own:
        innermost = own[-1]
        place = f" ({innermost.filename}, line {innermost.lineno})"
    message = f"The job cannot be loaded in a worker: {describe(error)}{place}. "
    return message, "".join(traceback.format_exception(error))


def _refuse(message: str, details: str, *_: object) -> NoReturn:
    failure = EngineError(
        message + "Workers import what the driver can import; nothing else is on their path."
    )
    failure.add_note(details)
    raise failure


def _own_modules(what: object) -> list[ModuleType]:
    """List the modules of the functions in ``what``, and all loaded modules in the same folders."""
    functions = [part for part in parts_of(what) if callable(part)]
    found = [inspect.getmodule(inspect.unwrap(function)) for function in functions]
    folders = set()
    for module in found:
        # __main__ of `python -c` and of a notebook has no __file__ at all.
        file = getattr(module, "__file__", None)
        if module and file and _is_own(module):
            folders.add(Path(file).parent)
    # The list is a copy: the test below may import modules, which changes sys.modules.
    return [module for module in list(sys.modules.values()) if _is_below(module, folders)]


def _is_below(module: ModuleType, folders: set[Path]) -> bool:
    """Whether ``module`` is the user's own and lies in one of ``folders``, however deep."""
    if not folders or not _is_own(module) or not module.__file__:
        return False
    return bool(folders & _folders_above(os.path.dirname(module.__file__)))  # noqa: PTH120


def _is_own(module: ModuleType) -> bool:
    """Whether ``module`` is the user's own, so that workers do not have it installed."""
    path = getattr(module, "__file__", None)
    if path is None:
        return False
    # cloudpickle always pickles __main__ by value.
    package = module.__name__.partition(".")[0]
    if package in ("__main__", "mrimage"):
        return False
    return not _installed_folders() & _folders_above(os.path.dirname(path))  # noqa: PTH120


# A program ships its functions twice a round, and Ray alone loads thousands of modules.
@lru_cache(maxsize=10_000)
def _folders_above(folder: str) -> frozenset[Path]:
    """``folder`` and all folders that it is in."""
    path = Path(folder)
    return frozenset((path, *path.parents))


@lru_cache(maxsize=1)
def _installed_folders() -> frozenset[Path]:
    return frozenset(Path(sysconfig.get_path(name)) for name in _INSTALLED)
