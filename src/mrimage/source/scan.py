"""The context of one listing: the selection, the callbacks, and the settings of stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mrimage.source.earlier import OnEarlier, ignore_earlier
from mrimage.source.selection import Selection
from mrimage.storage.settings import StoreSettings
from mrimage.storage.store import OnUnlisted

OnIgnored = Callable[[str, str], None]
"""Called with the name of each file, member or row that is not an entry, and the reason: a key of
``types.IGNORED``."""


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
