"""Writing files on a local disk: atomically, and durably if required."""

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
"""Prefix of the names of unfinished files."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def put(folder: str, path: str, data: bytes, durable: bool) -> None:
    """Write the file ``path`` atomically, by way of a temporary file in ``folder``."""
    temporary = _temporary_name(folder)
    descriptor = os.open(temporary, _NEW, 0o666)
    try:
        _write_and_close(descriptor, data, durable)
        os.replace(temporary, path)  # noqa: PTH105 - the hot path
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def create(path: str, data: bytes) -> None:
    """Create the file ``path`` with all of ``data`` atomically. Raises FileExistsError."""
    folder = path.rpartition("/")[0]
    temporary = _temporary_name(folder)
    try:
        _write_and_close(os.open(temporary, _NEW, 0o666), data, durable=False)
        # Unlike a rename, a hard link fails if the name exists.
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Without hard links, readers may see a part of the file for a moment.
        _write_and_close(os.open(path, _NEW, 0o666), data, durable=False)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def exclusive(folder: str) -> Iterator[None]:
    """Run the block alone among all processes of this machine that do this for ``folder``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_behind_link(root: str, path: str) -> bool:
    """Whether a folder in the relative ``path``, below ``root``, is a symbolic link."""
    end = path.find("/")
    while end > 0:
        if os.path.islink(f"{root}/{path[:end]}"):  # noqa: PTH114 - the root is text
            return True
        end = path.find("/", end + 1)
    return False


def own_files(root: str, folder: str) -> Iterator[str]:
    """Yield the paths, relative to ``root``, of the regular files in ``folder``, recursively.

    Links are neither followed nor yielded. A missing folder has no files.
    """
    if is_behind_link(root, f"{folder}/"):
        return
    for absolute, _, names in os.walk(f"{root}/{folder}"):
        relative = absolute[len(root) + 1 :]
        for name in names:
            if stat.S_ISREG(os.lstat(f"{absolute}/{name}").st_mode):
                yield f"{relative}/{name}"


def remove_empty_folders(root: str, folder: str) -> None:
    """Remove the empty folders in ``folder`` below ``root``, and then itself if it is empty."""
    if is_behind_link(root, f"{folder}/"):
        return
    for absolute, _, _ in os.walk(f"{root}/{folder}", topdown=False):
        with suppress(OSError):  # the folder is not empty
            Path(absolute).rmdir()


def _temporary_name(folder: str) -> str:
    return f"{folder}/{TEMPORARY}{secrets.token_hex(8)}"


def _write_and_close(descriptor: int, data: bytes, durable: bool) -> None:
    try:
        view = memoryview(data)
        while view:
            written = os.write(descriptor, view)
            view = view[written:]
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
    """Force everything written so far to the disk of ``folder``.

    One call covers all outputs of a task, at a ninth of the measured cost of one fsync per file.
    """
    if not sys.platform.startswith("linux"):
        os.sync()
        return
    # Python has no wrapper for syncfs(2).
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if library.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)
