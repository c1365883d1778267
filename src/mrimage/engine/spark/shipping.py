"""Sending the user's own code along: workers have mrimage, but not the file that a mapper was written in."""

from __future__ import annotations

import inspect
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import cloudpickle

from mrimage.job.job import Plan


def ship(what: object) -> bytes:
    """``what``, a Plan or a task function that holds one, pickled with the modules of its functions by value.

    Modules of installed packages go by name; those beside the user's module go along with it.
    """
    modules = [module for plan in plans_of(what) for module in _own_modules(plan)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        pickled: bytes = cloudpickle.dumps(what)
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return pickled


def plans_of(what: object) -> list[Plan]:
    """The plan that ``what`` is, or holds as a partial function."""
    return [part for part in (what, *getattr(what, "args", ())) if isinstance(part, Plan)]


def _own_modules(plan: Plan) -> list[ModuleType]:
    """The modules of the job's functions, and every loaded module in the folders where those lie."""
    functions = [
        function for function in (plan.job.map, plan.job.combine, plan.job.reduce) if function
    ]
    found = [
        inspect.getmodule(inspect.unwrap(getattr(function, "func", function)))
        for function in functions
    ]
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
