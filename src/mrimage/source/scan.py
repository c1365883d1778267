"""One listing of a source: what is chosen, who hears of everything else, and how stores are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mrimage.source.earlier import OnEarlier, ignore_earlier
from mrimage.source.selection import Selection
from mrimage.storage.settings import StoreSettings
from mrimage.storage.store import OnUnlisted

OnIgnored = Callable[[str, str], None]
"""Hears the name of each file, member or row that is no entry, and why: a key of IGNORED."""

IGNORED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "extension": ("by its extension", "by their extensions"),
        "not an image": (
            "without an extension, and not an image",
            "without an extension, and not images",
        ),
        "hidden": ("hidden", "hidden"),
        "excluded": ("by --include or --exclude", "by --include or --exclude"),
        "link": (
            "link that leads to no file of its archive",
            "links that lead to no file of their archive",
        ),
        "special file": ("pipe, socket or device", "pipes, sockets or devices"),
        "no images": ("archive without images", "archives without images"),
        "empty row": ("empty row", "empty rows"),
        "comment": ("comment", "comments"),
        "earlier run": ("written by an earlier run", "written by an earlier run"),
        "folder": ("folder that could not be listed", "folders that could not be listed"),
    }
)
"""Why something is no entry, in words for one and for several."""


@dataclass(frozen=True)
class Scan:
    """What the functions that list a source hand on to each other. Without ``on_unlisted`` a folder that cannot be
    listed ends the listing."""

    selection: Selection
    on_ignored: OnIgnored
    settings: StoreSettings
    on_unlisted: OnUnlisted | None = None
    on_earlier: OnEarlier = ignore_earlier
