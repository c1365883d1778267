"""Rules as text, as tables of TOML and as objects, read with the table of a job's edits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mrimage.errors import UsageError, brief, quoted, unknown
from mrimage.job.option_types import FLAG, OptionType
from mrimage.job.rules import Rule
from mrimage.storage.names import is_unicode
from mrimage.types import Edits

if TYPE_CHECKING:
    from mrimage.job.field import Field

EXAMPLE = "cmyk*: to=srgb quality=85"

_TEXT = re.compile(r"(.*):(?:\s+(.*))?", re.DOTALL)
"""A rule as text. The key may have colons of its own, as in ``16:9: quality=90``; no value of an
option has a colon with a space after it."""

_FLAGS = {"true": True, "false": False}

_UNSET = "none"
"""The text that takes back an option of the job's own edits."""


class RuleOptions:
    """Reads and writes rules. ``fields`` are the options that a rule may have."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._types = {field.name: field.type for field in fields}
        self._names = (*self._types, "skip", "copy")

    def option_type(self) -> OptionType:
        """Return the type of a job's rules."""
        wanted = f'a rule such as "{EXAMPLE}", or several'
        in_python = 'a rule such as mrimage.Rule("cmyk*", to="srgb", quality=85), or several'
        return OptionType(
            self._parse, self._accept, wanted, in_python, "'KEY: OPTION=VALUE ...'", show=self.show
        )

    def show(self, rule: Rule) -> str:
        """Write a checked rule as on a command line; ``_parse`` reads it back."""
        options = [f"{name}={self._show(name, value)}" for name, value in rule.options]
        options += [f"{name}=true" for name in ("skip", "copy") if getattr(rule, name)]
        return " ".join([f"{rule.key}:", *options])

    def _show(self, name: str, value: Any) -> str:
        if value is None:
            return _UNSET
        if isinstance(value, bool):
            return str(value).lower()
        return self._types[name].show(value)

    def _parse(self, value: object) -> tuple[Rule, ...]:
        """Read what a command line or a TOML file holds."""
        items = [value] if isinstance(value, str | Mapping) else value
        if not isinstance(items, list | tuple):
            raise ValueError
        return tuple(self._rule(*_split(item), from_text=True) for item in items)

    def _accept(self, value: object) -> tuple[Rule, ...]:
        """Check what a Python program passes."""
        items = [value] if isinstance(value, Rule) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, Rule) for i in items):
            raise ValueError
        rules = []
        for rule in items:
            options = dict(rule.options) | {"skip": rule.skip, "copy": rule.copy}
            rules.append(self._rule(rule.key, options, from_text=False))
        return tuple(rules)

    def _rule(self, key: object, options: Mapping[str, Any], *, from_text: bool) -> Rule:
        """Return the checked rule, with its options in the order of the table."""
        if not isinstance(key, str) or not key.strip():
            raise UsageError(
                f'A rule needs the key of its images, a pattern such as "cmyk*", '
                f"but got {brief(key)}."
            )
        key = key.strip()
        if not is_unicode(key):
            raise UsageError(
                f"The key of a rule needs valid Unicode, but got {brief(key)}. "
                "Write ? for any other byte."
            )
        named = {name.replace("-", "_"): value for name, value in options.items()}
        for name in named:
            if name not in self._names:
                raise unknown(f"An option of rule {quoted(key)}", name, self._names)
        convert = self._from_text if from_text else self._from_python
        values = {name: convert(key, name, named[name]) for name in self._names if name in named}
        _check_exclusive(key, values)
        return Rule(key, **values)

    def _from_text(self, key: str, name: str, value: object) -> Any:
        if value == _UNSET and _may_be_none(name):
            return None
        option_type = self._types.get(name, FLAG)
        if option_type is FLAG and isinstance(value, str):
            value = _FLAGS.get(value, value)
        return option_type.from_text(_where(key, name), value)

    def _from_python(self, key: str, name: str, value: object) -> Any:
        if value is None and _may_be_none(name):
            return None
        return self._types.get(name, FLAG).from_python(_where(key, name), value)


def _split(item: object) -> tuple[object, dict[str, object]]:
    """Split a rule that is text or a table into its key and its options."""
    if isinstance(item, Mapping):
        options = dict(item)
        return options.pop("key", None), options
    match = _TEXT.fullmatch(item) if isinstance(item, str) else None
    if match is None:
        given = quoted(item) if isinstance(item, str) else brief(item)
        raise UsageError(
            f'A rule needs a key, a colon, a space and options, such as "{EXAMPLE}", '
            f"but got {given}."
        )
    key, text = match.groups()
    options = {}
    for part in (text or "").split():
        name, equals, value = part.partition("=")
        if not equals:
            raise UsageError(
                f"Rule {quoted(key)} needs options such as quality=85 or skip=true, "
                f"but got {quoted(part)}."
            )
        if name in options:
            raise UsageError(f"Rule {quoted(key)} has {name} twice. Leave out one of them.")
        options[name] = value
    return key, options


def _check_exclusive(key: str, values: Mapping[str, object]) -> None:
    """Raise UsageError for options that say different things about the same images."""
    skip = bool(values.get("skip"))
    copy = bool(values.get("copy"))
    if skip and copy:
        raise UsageError(
            f"Rule {quoted(key)} has both skip=true, which leaves images out, and copy=true, which "
            "keeps them as they are. Leave out one of them."
        )
    edits = [name for name in values if name not in ("skip", "copy")]
    if edits and (skip or copy):
        what = "skip=true leaves images out" if skip else "copy=true keeps images as they are"
        raise UsageError(
            f"Rule {quoted(key)} has {edits[0]}, but {what}. Leave out one of the two."
        )


def _may_be_none(name: str) -> bool:
    """Whether an edit is left out by default, so that a rule can take it back."""
    return hasattr(Edits(), name) and getattr(Edits(), name) is None


def _where(key: str, name: str) -> str:
    return f"Rule {quoted(key)}: {name}"
