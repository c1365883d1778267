"""The names of a job's functions, and what has changed in them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping

from mrimage.job.identity import changed_parts, identify

MOST_NAMED = 5
"""How many changed parts a message names."""

PYTHON = sys.implementation.cache_tag or sys.implementation.name
"""The version of Python. Functions are compared by their bytecode, which differs between
versions."""


def describe_function(function: Callable[..., object] | None) -> str | None:
    """Return ``module:name (digest)``. See ``identity`` for what the digest covers."""
    if function is None:
        return None
    return f"{name_function(function)} ({identify(function).digest})"


def name_function(function: Callable[..., object]) -> str:
    """Return ``module:name`` of the function inside partials and wrappers. For a callable object,
    return that of its class."""
    function = innermost(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def innermost(function: Callable[..., object]) -> Callable[..., object]:
    """Return the function inside partials and wrappers."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            return function


def explain_change(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Name the parts that differ between two identities of a function.

    >>> explain_change({"the global LIMIT": "1", "the code of f": "2"},
    ...                {"the global LIMIT": "3", "the code of f": "2"})
    'the global LIMIT'
    """
    changed = changed_parts(before, now)
    if not changed:
        return "a value that it holds"
    named = ", ".join(changed[:MOST_NAMED])
    if len(changed) > MOST_NAMED:
        named += f" and {len(changed) - MOST_NAMED} more"
    return named
