"""One option, and a section of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mrimage.job.option_types import OptionType

Owner = Literal["Job", "Edits", "Limits", "RunOptions", "StoreSettings"]


@dataclass(frozen=True, slots=True)
class Field:
    """One option. ``owner`` is the dataclass that has a field of this ``name``.

    ``option`` is the name on the command line, or ``""`` if the option is not there. None means
    that it is derived from ``name``. Its values are collected in a list if it is ``repeatable``, or
    as one text if they are ``joined`` by something. ``default`` describes the default in words if the default
    value itself does not explain it.
    """

    name: str
    type: OptionType
    help: str
    owner: Owner = "Job"
    option: str | None = None
    metavar: str = ""
    default: str = ""
    repeatable: bool = False
    joined: str = ""

    @property
    def flag(self) -> str:
        """The option on the command line, such as ``--shard-size``. Empty if it is not there."""
        if self.option is None:
            return f"--{self.name.replace('_', '-')}"
        return self.option


@dataclass(frozen=True, slots=True)
class Section:
    """A group of options with a title, for the help and the guide."""

    title: str
    fields: tuple[Field, ...]
    note: str = ""
