"""Rules: what happens to the images under the keys that a pattern matches."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from mrimage.types import Edits


class NoEdit(Enum):
    """What a rule does with images that it does not edit."""

    COPY = "copy"
    """The output is the original bytes of the image."""
    SKIP = "skip"
    """There is no output of the image."""


@dataclass(frozen=True, init=False)
class Rule:
    """What happens to the images under the keys that ``key`` matches.

    ``key`` is a pattern for a whole key: ``*`` stands for any text, commas and slashes included,
    ``?`` for one character, and ``[...]`` for one of a set. ``options`` are fields of ``Edits``
    that replace those of the job's own edits, or of ``Edits()`` if the job has none. ``skip``
    leaves the images out of the outputs, and ``copy`` puts their original bytes there.

    A job checks its rules: it raises UsageError for an option or a value that does not exist.
    """

    key: str
    options: tuple[tuple[str, Any], ...] = ()
    skip: bool = False
    copy: bool = False

    def __init__(self, key: str, /, *, skip: bool = False, copy: bool = False, **options: Any):
        for name, value in (
            ("key", key),
            ("options", tuple(options.items())),
            ("skip", skip),
            ("copy", copy),
        ):
            object.__setattr__(self, name, value)

    def matches(self, key: str) -> bool:
        """Whether the rule applies to images under ``key``."""
        return _pattern(self.key).match(key) is not None

    def applied_to(self, edits: Edits | None) -> Edits | NoEdit:
        """Return what happens under this rule in a job whose own edits are ``edits``."""
        if self.skip:
            return NoEdit.SKIP
        if self.copy:
            return NoEdit.COPY
        return replace(edits or Edits(), **dict(self.options))


def first_match(rules: Iterable[Rule], key: str) -> int | None:
    """Return the index of the rule that applies to images under ``key``: the first that matches."""
    for index, rule in enumerate(rules):
        if rule.matches(key):
            return index
    return None


def rules_of(edits_by_key: Mapping[str, Edits | None]) -> Iterator[Rule]:
    """Yield a rule for each pattern. None leaves the images out of the outputs."""
    defaults = Edits()
    for key, edits in edits_by_key.items():
        if edits is None:
            yield Rule(key, skip=True)
            continue
        values = {field.name: getattr(edits, field.name) for field in fields(edits)}
        changed = {
            name: value for name, value in values.items() if value != getattr(defaults, name)
        }
        yield Rule(key, **changed)


@lru_cache(maxsize=256)
def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(key))
