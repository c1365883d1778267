"""Results of earlier runs inside a source: they are not its images, so the listing skips them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mrimage.errors import DeniedError, NotFoundError
from mrimage.storage import Store
from mrimage.storage.layout import FILES, FOLDERS, JOB

OnEarlier = Callable[[str], None]
"""Called once for each skipped file with the folder of the earlier run, relative to the source."""

_RESULTS = re.compile("/(?:" + "|".join(map(re.escape, (*FOLDERS, *FILES))) + r")(?=/|\Z)")
"""The name of a file or folder at the top of an OUT, inside a path."""

_MAX_KNOWN = 100_000
"""Folders whose lookup is remembered, so that memory stays bounded."""


def ignore_earlier(folder: str) -> None:
    """Do nothing; the default ``on_earlier``."""


class EarlierRuns:
    """Recognizes files that runs wrote below the root of ``store``.

    A folder with ``_run/job.json`` is the OUT of a run. The root itself may be one: the user chose
    it as the source.
    """

    def __init__(self, store: Store, on_earlier: OnEarlier) -> None:
        self._store = store
        self._on_earlier = on_earlier
        self._known: dict[str, bool] = {}

    def wrote(self, path: str) -> bool:
        """Whether a run wrote the file ``path``. If so, calls ``on_earlier``."""
        for match in _RESULTS.finditer(path):
            folder = path[: match.start()]
            if self._is_out(folder):
                self._on_earlier(folder)
                return True
        return False

    def _is_out(self, folder: str) -> bool:
        # One request per folder that contains, for example, a folder named images.
        if folder not in self._known:
            if len(self._known) >= _MAX_KNOWN:
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
    """What was skipped, for people. ``folders`` maps each OUT to its number of files.

    >>> describe_earlier({"old": 3})
    '3 files in old/, which an earlier run wrote'
    >>> describe_earlier({"a": 1, "b": 1})
    '2 files in a/ and 1 more folder, which earlier runs wrote'
    """
    files = sum(folders.values())
    file_word = "file" if files == 1 else "files"
    first, *rest = folders
    if not rest:
        return f"{files} {file_word} in {first}/, which an earlier run wrote"
    folder_word = "folder" if len(rest) == 1 else "folders"
    return (
        f"{files} {file_word} in {first}/ and {len(rest)} more {folder_word}, "
        "which earlier runs wrote"
    )
