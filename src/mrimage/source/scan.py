"""The context of one listing: the selection, the callbacks, and the settings of stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mrimage.source.earlier import OnEarlier, ignore_earlier
from mrimage.source.selection import Selection
from mrimage.storage.settings import StoreSettings
from mrimage.storage.store import OnUnlisted

OnIgnored = Callable[[str, str], None]
"""Called with the name of each file, member or row that is not an entry, and the reason: a key of
IGNORED."""

IGNORED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "extension": ("by its extension", "by their extensions"),
        "not an image": (
            "without an extension, and not an image",
            "without an extension, and not images",
        ),
        "sidecar": ("sidecar of an image", "sidecars of images"),
        "not in the sample": ("not in the sample", "not in the sample"),
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
"""The reasons why something is not an entry, each in words for one and for several."""


@dataclass(frozen=True)
class Scan:
    """What all functions that list one source share.

    Without ``on_unlisted``, a folder that cannot be listed ends the listing with an error.
    """

    selection: Selection
    on_ignored: OnIgnored
    settings: StoreSettings
    on_unlisted: OnUnlisted | None = None
    on_earlier: OnEarlier = ignore_earlier
