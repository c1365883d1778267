"""Keywords that are misspelled: the error names the nearest right one, which Python's own does
not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from mrimage.job.option_types import require_known

P = ParamSpec("P")
Result = TypeVar("Result")
Class = TypeVar("Class")


def checks_keywords(name: str) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """A decorator of a function that users call ``name``: it raises UsageError for a keyword
    that does not exist."""

    def decorate(function: Callable[P, Result]) -> Callable[P, Result]:
        known = [keyword for keyword in inspect.signature(function).parameters if keyword != "self"]

        @wraps(function)
        def call(*args: P.args, **keywords: P.kwargs) -> Result:
            require_known(f"a keyword of {name}", keywords, known)
            return function(*args, **keywords)

        return call

    return decorate


def checks_constructor(kind: type[Class]) -> type[Class]:
    """The same for the keywords of a class."""
    setattr(kind, "__init__", checks_keywords(f"mrimage.{kind.__name__}")(kind.__init__))  # noqa: B010  # not to mypy
    return kind
