"""What installed packages add to mrimage: keys, extractors, corrections and group reducers.

A package names them as entry points, in its ``pyproject.toml``:

    [project.entry-points."mrimage.keys"]
    hour = "my_package.keys:hour"

A built-in name always wins, so that an installed package cannot change what a job means.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from mrimage.errors import UsageError, describe

Kind = Literal["keys", "extractors", "corrections", "reducers"]


def is_installed(kind: Kind, name: str) -> bool:
    """Whether an installed package has something of this kind and name."""
    return name in installed(kind)


@lru_cache
def installed(kind: Kind) -> dict[str, EntryPoint]:
    """Return the entry points of one kind by name; of two with the same name, the first by its
    value, so that all processes take the same."""
    found = sorted(entry_points(group=f"mrimage.{kind}"), key=lambda point: point.value)
    return {point.name: point for point in reversed(found)}


def load_installed(kind: Kind, name: str) -> Any:
    """Import what an installed package provides. Raises UsageError if that fails."""
    point = installed(kind)[name]
    try:
        return point.load()
    except Exception as error:  # importing a package runs any code
        raise UsageError(
            f'"{name}" of {point.value} cannot be imported: {describe(error)}. '
            "Reinstall its package, or leave it out."
        ) from error
