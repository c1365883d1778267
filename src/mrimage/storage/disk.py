"""Putting bytes on a local disk: as a whole or not at all, and to stay there."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".mrimage-tmp-"
"""How the name of a file in the making begins."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def put(folder: str, place: str, data: bytes, durable: bool) -> None:
    """Write ``place`` as a whole, by a temporary file in ``folder``."""
    temporary = f"{folder}/{TEMPORARY}{secrets.token_hex(8)}"
    descriptor = os.open(temporary, _NEW, 0o666)
    try:
        _fill(descriptor, data, durable)
        os.replace(temporary, place)  # noqa: PTH105 - the hot path
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def create(place: str, data: bytes) -> None:
    """Make ``place`` with all of ``data`` in it at once. Raises FileExistsError."""
    temporary = f"{place.rpartition('/')[0]}/{TEMPORARY}{secrets.token_hex(8)}"
    try:
        _fill(os.open(temporary, _NEW, 0o666), data, False)
        os.link(temporary, place)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        _fill(
            os.open(place, _NEW, 0o666), data, False
        )  # a file system without hard links: all of it a moment later
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def only_one(folder: str) -> Iterator[None]:
    """Run the block alone among all that ask this for ``folder``, in whatever process of this machine."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_behind_link(root: str, path: str) -> bool:
    """Whether a folder of the relative ``path``, below ``root``, is a symbolic link."""
    end = path.find("/")
    while end > 0:
        if os.path.islink(f"{root}/{path[:end]}"):  # noqa: PTH114 - the root is text
            return True
        end = path.find("/", end + 1)
    return False


def own_files(root: str, folder: str) -> Iterator[str]:
    """Paths below ``root`` of the regular files in ``folder`` and below it. Links are neither followed nor named. A missing
    folder has none."""
    if is_behind_link(root, f"{folder}/"):
        return
    for place, _, names in os.walk(f"{root}/{folder}"):
        below = place[len(root) + 1 :]
        for name in names:
            if stat.S_ISREG(os.lstat(f"{place}/{name}").st_mode):
                yield f"{below}/{name}"


def remove_empty_folders(root: str, folder: str) -> None:
    """Remove ``folder`` below ``root``, and those in it, as far as they are empty."""
    if is_behind_link(root, f"{folder}/"):
        return
    for place, _, _ in os.walk(f"{root}/{folder}", topdown=False):
        with suppress(OSError):  # something is in it
            Path(place).rmdir()


def _fill(descriptor: int, data: bytes, durable: bool) -> None:
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: str) -> None:
    """Force the names in ``folder`` to its disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(folder: str) -> None:
    """Force everything written so far to the disk of ``folder``: one call for a whole task's outputs, measured at a
    ninth of the cost of one fsync a file."""
    if not sys.platform.startswith("linux"):
        os.sync()
        return
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if library.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)
