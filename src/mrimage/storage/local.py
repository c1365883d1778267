"""Files on this machine: plain system calls, nothing slower."""

from __future__ import annotations

import errno
import heapq
import os
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mrimage.errors import DeniedError, ImageError, MrimageError, NotFoundError, StoreError
from mrimage.storage.disk import (
    TEMPORARY,
    create,
    flush_file_system,
    flush_folder,
    is_behind_link,
    only_one,
    put,
)
from mrimage.storage.names import local_path, local_uri, require_safe
from mrimage.storage.store import Item

_Heap = list[str]
STAGING = "_run/scratch"
"""Where a root has this folder, temporary files go there: a run clears it at its end, and needs no walk for that."""
_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.EMFILE: "this process has too many open files: raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has too many open files",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EEXIST: "there is a file of this name where a folder should be: choose another place",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.ELOOP: "its symbolic links lead in a circle",
}
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_TRANSIENT = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.EAGAIN)


def store_error(error: OSError, action: str, uri: str) -> StoreError:
    """The StoreError for a failed system call on ``uri``; ``action`` is "read", "write", "list" or "delete"."""
    code = error.errno or 0
    message = (
        f"Cannot {action} {uri}: {_ADVICE.get(code, os.strerror(code) if code else str(error))}."
    )
    if code in _MISSING:
        missing = (
            "its folder does not exist" if action == "write" else "there is nothing of this name"
        )
        return NotFoundError(f"Cannot {action} {uri}: {_ADVICE.get(code, missing)}.")
    if code in _DENIED:
        return DeniedError(message)
    return StoreError(message, transient=code in _TRANSIENT)


@contextmanager
def system_errors(place: str) -> Iterator[None]:
    """Tell what the system refuses in the block (a full disk, too many open files) as a StoreError; ``place`` is named
    where the error names none."""
    try:
        yield
    except MrimageError:
        raise
    except Exception as error:
        # A library's own error has the system's words in its message.
        code = next((code for code in _ADVICE if os.strerror(code) in str(error)), None)
        if code is None:
            raise
        named = os.fsdecode(getattr(error, "filename", None) or place)
        raise store_error(OSError(code, str(error)), "work on", named) from error


def file_version(status: os.stat_result) -> str:
    """The version of a local file: its modification time in nanoseconds."""
    return str(status.st_mtime_ns)


class LocalSource:
    """A local file as a ByteSource. With ``expected`` (size, version) of its listing, a read of another or a missing
    file raises ImageError("changed") or ImageError("vanished") instead."""

    __slots__ = ("_expected", "_path", "_size", "uri")

    def __init__(self, uri: str, path: str, expected: tuple[int, str] | None = None) -> None:
        self.uri = uri
        self._path = path
        self._expected = expected
        self._size = expected[0] if expected else -1

    @property
    def size(self) -> int:
        if self._size < 0:
            try:
                self._size = Path(self._path).stat().st_size
            except OSError as error:
                raise store_error(error, "read", self.uri) from error
        return self._size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        try:
            # O_NONBLOCK: a FIFO put in the file's place must not hang the task.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if self._expected and error.errno in _MISSING:
                raise ImageError("vanished", f"{self.uri} was listed but is gone.") from error
            raise store_error(error, "read", self.uri) from error
        try:
            status = os.fstat(descriptor)
            if self._expected and (status.st_size, file_version(status)) != self._expected:
                raise ImageError("changed", f"{self.uri} is not the file that was listed.")
            wanted = (
                status.st_size - start if length is None else min(length, status.st_size - start)
            )
            return _pread(descriptor, start, max(wanted, 0))
        except OSError as error:
            raise store_error(error, "read", self.uri) from error
        finally:
            os.close(descriptor)


def _pread(descriptor: int, start: int, length: int) -> bytes:
    data = os.pread(descriptor, length, start)
    if len(data) == length or not data:
        return data
    parts = [data]
    got = len(data)
    while got < length and (data := os.pread(descriptor, length - got, start + got)):
        parts.append(data)
        got += len(data)
    return b"".join(parts)


class LocalStore:
    """The Store of a local folder."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        """Open the folder ``url`` (a path or ``file://...``); ``create`` makes it, with its parents."""
        self._root = os.path.abspath(local_path(url))  # noqa: PTH100 - resolve() would follow links
        if create:
            self._make(self._root)

    @property
    def root(self) -> str:
        return local_uri(self._root)

    def uri(self, path: str) -> str:
        return local_uri(self._join(path))

    def list(self, prefix: str = "") -> Iterator[Item]:
        return self.walk(prefix)

    def walk(
        self,
        prefix: str = "",
        *,
        enter: Callable[[str], bool] = lambda path: True,
        skipped: Callable[[str], None] = lambda path: None,
    ) -> Iterator[Item]:
        """Like ``list``; folders for which ``enter`` is False are left out, and ``skipped`` hears of sockets, FIFOs
        and devices. Each folder is visited once: real ones first, then those behind symbolic links in sorted order,
        so that loops end and the outcome does not depend on the order of the disk. A broken link is an item of
        size 0 and version "missing"."""
        top = self._join(prefix.rstrip("/")) if prefix else self._root
        if not os.path.lexists(top):
            if prefix:
                return
            raise NotFoundError(f"Cannot list {local_uri(top)}: there is nothing of this name.")
        if not os.path.isdir(top):  # noqa: PTH112 - top is text
            raise StoreError(
                f"Cannot list {local_uri(top)}: it is neither a folder nor a file, or a link to neither."
            )
        seen: set[tuple[int, int]] = set()
        linked = [prefix.rstrip("/")]
        while linked:
            yield from self._walk_tree(heapq.heappop(linked), seen, linked, enter, skipped)

    def _walk_tree(
        self,
        start: str,
        seen: set[tuple[int, int]],
        linked: _Heap,
        enter: Callable[[str], bool],
        skipped: Callable[[str], None],
    ) -> Iterator[Item]:
        stack = [start]
        while stack:
            folder = stack.pop()
            place = f"{self._root}/{folder}" if folder else self._root
            try:
                status = Path(place).stat()
                identity = (status.st_dev, status.st_ino)
                if identity in seen:
                    continue
                seen.add(identity)
                with os.scandir(place) as found:
                    children = list(found)
            except OSError as error:
                raise store_error(error, "list", local_uri(place)) from error
            for child in children:
                path = f"{folder}/{child.name}" if folder else child.name
                if _is_folder(child):
                    if enter(path):
                        heapq.heappush(linked, path) if child.is_symlink() else stack.append(path)
                elif not child.name.startswith(TEMPORARY):
                    item = _item(child, path)
                    if item:
                        yield item
                    else:
                        skipped(path)

    def stat(self, path: str) -> Item:
        try:
            status = Path(self._join(path)).stat()
        except OSError as error:
            raise store_error(error, "read", self.uri(path)) from error
        if modes.S_ISDIR(status.st_mode):
            raise NotFoundError(f"Cannot read {self.uri(path)}: it is a folder.")
        return Item(path, status.st_size, file_version(status))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        listed = (expected.size, expected.version) if expected else None
        return LocalSource(self.uri(path), self._join(path), listed).read(start, length)

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        place = self._join(path)
        folder, _, _ = place.rpartition("/")
        staging = f"{self._root}/{STAGING}"
        if os.path.islink(staging):  # noqa: PTH114 - the hot path  # somebody's, who may want us to write elsewhere
            staging = folder
        try:
            if durable:
                flush_file_system(self._root)
            for last, where in enumerate((staging, staging, folder), -2):
                try:
                    put(where, place, data, durable)
                    break
                except OSError as error:
                    # The folder is missing, or staging is, or it is on another file system.
                    if last == 0 or error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EXDEV):
                        raise
                    self._make(folder)
            if durable:
                flush_folder(folder)
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error

    def create(self, path: str, data: bytes) -> bool:
        place = self._join(path)
        try:
            self._make(place.rpartition("/")[0])
            create(place, data)
        except FileExistsError:
            return False
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error
        return True

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        place = self._join(path)
        folder = place.rpartition("/")[0]
        try:
            with only_one(folder):
                if Path(place).read_bytes() != expected:
                    return False
                put(folder, place, data, False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error
        return True

    def delete(self, path: str) -> None:
        """Remove ``path``. What lies behind a symbolic link is not below the root, and stays."""
        if is_behind_link(self._root, path):
            return
        try:
            Path(self._join(path)).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise store_error(error, "delete", self.uri(path)) from error

    def sweep(self, prefix: str = "") -> int:
        """Remove the temporary files that killed writers left below ``prefix``; returns how many there were.
        Only for the one who holds the run's lock: a live writer's file would go too."""
        removed = 0
        for folder, _, names in os.walk(self._join(prefix) if prefix else self._root):
            for name in names:
                if name.startswith(TEMPORARY):
                    Path(folder, name).unlink(missing_ok=True)
                    removed += 1
        return removed

    def _join(self, path: str) -> str:
        require_safe(path)
        return f"{self._root}/{path}" if self._root != "/" else f"/{path}"

    def _make(self, folder: str) -> None:
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - Path.mkdir races with other makers
        except OSError as error:
            raise store_error(error, "write", local_uri(folder)) from error


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link that leads to itself, say: it is told as a file that cannot be had
        return False


def _item(child: os.DirEntry[str], path: str) -> Item | None:
    try:
        status = child.stat()
    except OSError as error:
        if error.errno in _MISSING:
            return Item(path, 0, "missing")
        raise store_error(error, "list", local_uri(child.path)) from error
    return (
        Item(path, status.st_size, file_version(status)) if modes.S_ISREG(status.st_mode) else None
    )
