"""Temporary folders that do not accumulate: each new one first removes those of killed processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "mrimage-scratch-"
"""How the name of a locked folder begins."""

_UNLOCKED_PREFIX = "mrimage-new-"
"""How the name of a folder begins before its owner has locked it."""

UNLOCKED_SECONDS = 60.0
"""How long an unlocked folder is left alone, because its owner may be about to lock it."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder outside OUT, and remove it when the block ends.

    Folders that killed processes left behind are removed first. The owner of a folder holds a lock
    on it, which the kernel releases when the owner ends. A folder gets its final name only after it
    is locked, so a folder with that name and no lock has lost its owner.
    """
    home = Path(tempfile.gettempdir())
    for left in home.glob(f"{PREFIX}*"):
        _remove_abandoned(left, 0.0)
    for left in home.glob(f"{_UNLOCKED_PREFIX}*"):
        _remove_abandoned(left, UNLOCKED_SECONDS)
    unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED_PREFIX))
    descriptor = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        name = unlocked.name.replace(_UNLOCKED_PREFIX, PREFIX, 1)
        folder = unlocked.rename(unlocked.with_name(name))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path, age: float) -> None:
    """Remove ``folder`` if this user owns it, no process locks it, and it is ``age`` seconds old."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        # The folder is gone, or belongs to another user.
        return
    try:
        status = os.fstat(descriptor)
        is_ours = status.st_uid == os.getuid()
        if is_ours and time.time() - status.st_mtime >= age:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        # Its owner is still running.
        return
    finally:
        os.close(descriptor)
