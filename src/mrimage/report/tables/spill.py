"""Temporary folders that do not stay behind: what a killed process left goes with the next one."""

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
_NEW = "mrimage-new-"
"""How the name of a folder begins that has no lock yet."""

YOUNG = 60.0
"""Seconds for which such a new folder is left alone: its owner is about to lock it."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder outside OUT that goes with the block; those of killed processes go first.

    Its owner holds a lock on it, which the kernel takes away when the owner ends. It gets its name when it is locked: a
    folder of this name without a lock has no owner any more.
    """
    home = Path(tempfile.gettempdir())
    for left in home.glob(f"{PREFIX}*"):
        _remove_abandoned(left, 0.0)
    for left in home.glob(f"{_NEW}*"):
        _remove_abandoned(left, YOUNG)
    new = Path(tempfile.mkdtemp(prefix=_NEW))
    descriptor = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = new.rename(new.with_name(new.name.replace(_NEW, PREFIX, 1)))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path, age: float) -> None:
    """Remove ``folder`` if it is ours, nobody holds a lock on it, and it is older than ``age`` seconds."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return  # gone, or another user's
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.getuid() and time.time() - status.st_mtime >= age:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # somebody is at work there
    finally:
        os.close(descriptor)
