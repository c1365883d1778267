"""The functions of a job by name, and what has changed in one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping

from mrimage.job.identity import Identity, difference, identify

MOST_NAMED = 5
"""Changed parts that a message names."""

PYTHON = sys.implementation.cache_tag or sys.implementation.name
"""Functions are compared by their bytecode, which every version of Python writes in its own way."""


def describe_function(function: Callable[..., object] | None) -> str | None:
    """``module:name (digest)``; see ``identity`` for what the digest covers."""
    if function is None:
        return None
    return format_function(function, identify(function))


def format_function(function: Callable[..., object], identity: Identity) -> str:
    """``module:name (digest)``."""
    return f"{name_function(function)} ({identity.digest})"


def name_function(function: Callable[..., object]) -> str:
    """``module:name``, of what is behind partials and wrappers, and of the class of an object that can be called."""
    function = innermost(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def innermost(function: Callable[..., object]) -> Callable[..., object]:
    """What is behind partials and wrappers."""
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = (
            function.func if isinstance(function, functools.partial) else function.__wrapped__
        )
    return function


def explain_change(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What has changed between two identities of a function, by their parts.

    >>> explain_change({"the global LIMIT": "1", "the code of f": "2"}, {"the global LIMIT": "3", "the code of f": "2"})
    'the global LIMIT'
    """
    changed = difference(before, now)
    if not changed:
        return "a value that it holds"
    more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
    return ", ".join(changed[:MOST_NAMED]) + more
