"""The identity of a job's own code: the same in every process for the same code and values, and
different for anything else.

A function is compared by value: its bytecode, its defaults, its captured variables and the globals
that it looks up. Helper functions, classes and instances of the user's own are compared in the same
way. Code of installed libraries is compared by name and version. An object that cannot be compared
differs from everything, even from itself in another process: it is better to ask the user to start
over than to reuse results of other code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mrimage.job.digests import Digester, hash_pieces


@dataclass(frozen=True, slots=True)
class Identity:
    """The digest of a function. ``parts`` has a digest for each named part of it, so that a message
    can name what has changed."""

    digest: str
    parts: Mapping[str, str]


_before_use: dict[str, Identity] = {}
"""The identity that a function had before a run in this process, by its digest after the run. A
counter or a cache changes while it is used, but that does not make a different job."""


def identify(function: Callable[..., object]) -> Identity:
    """Return the identity of ``function``, without what earlier runs in this process changed."""
    now = _identify(function)
    return _before_use.get(now.digest, now)


def note_use(function: Callable[..., object], before: Identity) -> None:
    """Record that a run turned ``before`` into what ``function`` is now."""
    after = _identify(function)
    if after.digest != before.digest:
        _before_use[after.digest] = before


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that differ between two identities."""
    names = sorted(before.keys() | now.keys())
    return [name for name in names if before.get(name) != now.get(name)]


def _identify(function: Callable[..., object]) -> Identity:
    digester = Digester(function)
    try:
        digest = digester.digest(function)
    except RecursionError:
        # Values that are nested this deeply differ from everything.
        digest = os.urandom(16)
    parts = {
        label: _shorten(hash_pieces(*sorted(digests)))
        for label, digests in sorted(digester.parts.items())
    }
    return Identity(_shorten(digest), parts)


def _shorten(digest: bytes) -> str:
    return digest.hex()[:16]
