"""Misspelled keywords. The error suggests the nearest right keyword, which Python's own error does
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
    """Decorate a function that users call ``name``, so that it raises UsageError for an unknown
    keyword."""

    def decorate(function: Callable[P, Result]) -> Callable[P, Result]:
        known = [keyword for keyword in inspect.signature(function).parameters if keyword != "self"]

        @wraps(function)
        def call(*args: P.args, **keywords: P.kwargs) -> Result:
            require_known(f"a keyword of {name}", keywords, known)
            return function(*args, **keywords)

        return call

    return decorate


def checks_constructor(cls: type[Class]) -> type[Class]:
    """Decorate a class, so that its constructor raises UsageError for an unknown keyword."""
    checked = checks_keywords(f"mrimage.{cls.__name__}")(cls.__init__)
    # setattr, because mypy refuses an assignment to __init__.
    setattr(cls, "__init__", checked)  # noqa: B010
    return cls
