"""The results of earlier runs below a source: they are no images of the source, and are left out of its listing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mrimage.errors import DeniedError, NotFoundError
from mrimage.storage import Store
from mrimage.storage.layout import FILES, FOLDERS, JOB

OnEarlier = Callable[[str], None]
"""Hears the folder of an earlier run, below the source, once for each file that is left out there."""

_RESULTS = re.compile("/(?:" + "|".join(map(re.escape, (*FOLDERS, *FILES))) + r")(?=/|\Z)")
_MOST_KNOWN = 100_000


def ignore_earlier(folder: str) -> None:
    """The default ``on_earlier``, which does nothing."""


class EarlierRuns:
    """Recognizes what runs wrote below the root of ``store``. A folder that holds ``_run/job.json`` is the OUT of a run; the
    root itself may be one, since the user named it."""

    def __init__(self, store: Store, on_earlier: OnEarlier) -> None:
        self._store, self._on_earlier = store, on_earlier
        self._known: dict[str, bool] = {}

    def wrote(self, path: str) -> bool:
        """Whether a run wrote the file ``path``; then it is reported, too."""
        for match in _RESULTS.finditer(path):
            folder = path[: match.start()]
            if self._is_out(folder):
                self._on_earlier(folder)
                return True
        return False

    def _is_out(self, folder: str) -> bool:
        # One request for each folder that has, say, a folder called images in it.
        if folder not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[folder] = self._has_job(folder)
        return self._known[folder]

    def _has_job(self, folder: str) -> bool:
        try:
            self._store.stat(f"{folder}/{JOB}")
        except (NotFoundError, DeniedError):
            return False
        return True


def describe_earlier(folders: Mapping[str, int]) -> str:
    """What was left out, for people.

    >>> describe_earlier({"old": 3}), describe_earlier({"a": 1, "b": 1})
    ('3 files in old/, which an earlier run wrote', '2 files in a/ and 1 more folder, which earlier runs wrote')
    """
    files = sum(folders.values())
    first, *others = folders
    more = f" and {len(others)} more folder{'s' * (len(others) > 1)}" if others else ""
    runs = "earlier runs" if others else "an earlier run"
    return f"{files} file{'s' * (files != 1)} in {first}/{more}, which {runs} wrote"
