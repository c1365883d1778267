"""Files on this machine, read and written with plain system calls for speed."""

from __future__ import annotations

import errno
import heapq
import os
import stat as modes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mrimage.errors import DeniedError, ImageError, MrimageError, NotFoundError, StoreError
from mrimage.storage.disk import (
    TEMPORARY,
    create,
    exclusive,
    flush_file_system,
    flush_folder,
    is_behind_link,
    put,
)
from mrimage.storage.names import local_path, local_uri, require_safe
from mrimage.storage.store import Item, OnUnlisted
from mrimage.types import Fault

STAGING = "_run/scratch"
"""A root with this folder keeps its temporary files there.

A run clears it at its end, and then need not search the whole tree for them.
"""

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EMFILE: "this process has too many open files: raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has too many open files",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EEXIST: "there is a file of this name where a folder should be: choose another folder",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.ELOOP: "its symbolic links lead in a circle",
}
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_TRANSIENT = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.EAGAIN)


def store_error(error: OSError, action: str, uri: str) -> StoreError:
    """The StoreError for a failed system call on ``uri``.

    ``action`` is "read", "write", "list" or "delete".
    """
    code = error.errno or 0
    if code in _MISSING:
        missing = "there is nothing of this name"
        if action == "write":
            missing = "its folder does not exist"
        return NotFoundError(f"Cannot {action} {uri}: {_ADVICE.get(code, missing)}.")
    system_text = os.strerror(code) if code else str(error)
    message = f"Cannot {action} {uri}: {_ADVICE.get(code, system_text)}."
    if code in _DENIED:
        return DeniedError(message)
    return StoreError(message, transient=code in _TRANSIENT)


@contextmanager
def system_errors(location: str) -> Iterator[None]:
    """Raise the system's refusals in the block (full disk, open files...) as StoreErrors.

    The message names ``location`` if the error names no file.
    """
    try:
        yield
    except MrimageError:
        raise
    except Exception as error:
        # A library's own error has the system's words in its message.
        code = next((code for code in _ADVICE if os.strerror(code) in str(error)), None)
        if code is None:
            raise
        named = os.fsdecode(getattr(error, "filename", None) or location)
        raise store_error(OSError(code, str(error)), "work on", named) from error


def file_version(status: os.stat_result) -> str:
    """The version of a local file: its modification time in nanoseconds."""
    return str(status.st_mtime_ns)


def file_identity(status: os.stat_result) -> str:
    """What all names of one file have in common: its disk and its number on that disk."""
    return f"{status.st_dev}:{status.st_ino}"


def fault_of(error: OSError, uri: str) -> Fault:
    """The fault of a listed name whose file cannot be opened."""
    if error.errno in _MISSING:
        reason = _ADVICE.get(error.errno, "it is gone")
        return Fault("vanished", f"{uri} is a name without a file: {reason}.")
    return Fault("unreadable", str(store_error(error, "read", uri)))


class LocalSource:
    """A local file as a ByteSource.

    With ``expected``, the listed size and version, reading another version raises
    ImageError("changed"), and reading a missing file raises ImageError("vanished").
    """

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
            # O_NONBLOCK: a FIFO that replaced the file must not hang the task.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if self._expected and error.errno in _MISSING:
                raise ImageError("vanished", f"{self.uri} was listed but is gone.") from error
            raise store_error(error, "read", self.uri) from error
        try:
            status = os.fstat(descriptor)
            if self._expected and (status.st_size, file_version(status)) != self._expected:
                raise ImageError("changed", f"{self.uri} is not the file that was listed.")
            available = max(status.st_size - start, 0)
            wanted = available if length is None else min(length, available)
            return _pread(descriptor, start, max(wanted, 0))
        except OSError as error:
            raise store_error(error, "read", self.uri) from error
        finally:
            os.close(descriptor)


def _pread(descriptor: int, start: int, length: int) -> bytes:
    """Read ``length`` bytes from ``start``, fewer only at the end of the file."""
    data = os.pread(descriptor, length, start)
    if len(data) == length or not data:
        return data
    # Linux returns at most 2 GiB per call, and network file systems may return less than asked.
    parts = [data]
    received = len(data)
    while received < length:
        data = os.pread(descriptor, length - received, start + received)
        if not data:
            break
        parts.append(data)
        received += len(data)
    return b"".join(parts)


def _enter_all(path: str) -> bool:
    return True


def _ignore(path: str) -> None:
    pass


@dataclass(slots=True)
class _Walk:
    """The state of one listing: its callbacks, and the folders it has seen and has yet to see."""

    enter: Callable[[str], bool]
    skipped: Callable[[str], None]
    unlisted: OnUnlisted | None
    linked: list[str]
    """A heap of the relative paths of folders behind symbolic links."""
    seen: set[tuple[int, int]] = field(default_factory=set)
    """Disk and number of each visited folder."""


class LocalStore:
    """The Store of a local folder."""

    def __init__(self, url: str) -> None:
        """Open the folder ``url`` (a path or ``file://...``), which need not exist yet."""
        self._root = os.path.abspath(local_path(url))  # noqa: PTH100 - resolve() would follow links

    @property
    def root(self) -> str:
        return local_uri(self._root)

    @property
    def local(self) -> Path:
        return Path(self._root)

    def prepare(self) -> None:
        self._make_folder(self._root)

    def uri(self, path: str) -> str:
        return local_uri(self._join(path))

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        return self.walk(prefix, unlisted=unlisted)

    def walk(
        self,
        prefix: str = "",
        *,
        enter: Callable[[str], bool] = _enter_all,
        skipped: Callable[[str], None] = _ignore,
        unlisted: OnUnlisted | None = None,
    ) -> Iterator[Item]:
        """Like ``list``, but leaves out folders for which ``enter`` returns False.

        ``skipped`` is called with the path of each socket, FIFO and device. A broken link, and a
        file whose metadata cannot be read, is an item with a fault.

        Each folder is visited once: real ones first, then those behind symbolic links in sorted
        order. So loops end, and the result does not depend on the order of the disk.
        """
        folder = prefix.rstrip("/")
        top = self._join(folder) if prefix else self._root
        if not os.path.lexists(top):
            if prefix:
                return
            raise NotFoundError(f"Cannot list {local_uri(top)}: there is nothing of this name.")
        if not os.path.isdir(top):  # noqa: PTH112 - top is text
            raise StoreError(
                f"Cannot list {local_uri(top)}: it is neither a folder nor a file, "
                "or a link to neither."
            )
        walk = _Walk(enter, skipped, unlisted, linked=[folder])
        while walk.linked:
            yield from self._walk_tree(heapq.heappop(walk.linked), walk)

    def _walk_tree(self, start: str, walk: _Walk) -> Iterator[Item]:
        """Yield the items below ``start``, without those behind further symbolic links."""
        stack = [start]
        behind_link = Path(self._join(start)).is_symlink() if start else False
        while stack:
            folder = stack.pop()
            for child in self._children(folder, walk):
                path = f"{folder}/{child.name}" if folder else child.name
                if _is_folder(child):
                    _visit_later(child, path, stack, walk)
                elif not child.name.startswith(TEMPORARY):
                    item = _item(child, path, behind_link)
                    if item:
                        yield item
                    else:
                        walk.skipped(path)

    def _children(self, folder: str, walk: _Walk) -> Sequence[os.DirEntry[str]]:
        """The contents of a folder, or nothing if it was visited before or cannot be listed."""
        absolute = f"{self._root}/{folder}" if folder else self._root
        try:
            status = Path(absolute).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in walk.seen:
                return []
            walk.seen.add(identity)
            with os.scandir(absolute) as found:
                return list(found)
        except OSError as error:
            problem = store_error(error, "list", local_uri(absolute))
            is_lost_or_locked = isinstance(problem, (NotFoundError, DeniedError))
            if walk.unlisted is None or not folder or not is_lost_or_locked:
                raise problem from error
            walk.unlisted(local_uri(absolute), problem)
            return []

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
        absolute = self._join(path)
        folder = absolute.rpartition("/")[0]
        try:
            if durable:
                flush_file_system(self._root)
            self._put(folder, absolute, data, durable)
            if durable:
                flush_folder(folder)
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error

    def _put(self, folder: str, path: str, data: bytes, durable: bool) -> None:
        """Write ``path`` by way of the staging folder, or of its own ``folder`` if that fails."""
        staging = f"{self._root}/{STAGING}"
        # A symbolic link there may be somebody's attempt to make us write elsewhere.
        if os.path.islink(staging):  # noqa: PTH114 - the hot path
            staging = folder
        # The second try has the missing folder; after that, do without staging.
        for temporary_folder in (staging, staging):
            try:
                put(temporary_folder, path, data, durable)
                return
            except OSError as error:
                # The folder is missing, or staging is, or it is on another file system.
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EXDEV):
                    raise
                self._make_folder(folder)
        put(folder, path, data, durable)

    def create(self, path: str, data: bytes) -> bool:
        absolute = self._join(path)
        try:
            self._make_folder(absolute.rpartition("/")[0])
            create(absolute, data)
        except FileExistsError:
            return False
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error
        return True

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        absolute = self._join(path)
        folder = absolute.rpartition("/")[0]
        try:
            with exclusive(folder):
                if Path(absolute).read_bytes() != expected:
                    return False
                put(folder, absolute, data, durable=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise store_error(error, "write", self.uri(path)) from error
        return True

    def delete(self, path: str) -> None:
        """Remove ``path``, unless it is behind a symbolic link: then it is not below the root."""
        if is_behind_link(self._root, path):
            return
        try:
            Path(self._join(path)).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise store_error(error, "delete", self.uri(path)) from error

    def sweep(self, prefix: str = "") -> int:
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

    def _make_folder(self, folder: str) -> None:
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - Path.mkdir races with other makers
        except OSError as error:
            raise store_error(error, "write", local_uri(folder)) from error


def _visit_later(child: os.DirEntry[str], path: str, stack: list[str], walk: _Walk) -> None:
    if not walk.enter(path):
        return
    if child.is_symlink():
        heapq.heappush(walk.linked, path)
    else:
        stack.append(path)


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        # For example a link to itself: _item reports it as a file with a fault.
        return False


def _item(child: os.DirEntry[str], path: str, behind_link: bool) -> Item | None:
    """The item for a child that is not a folder; None for a socket, FIFO or device."""
    try:
        status = child.stat()
    except OSError as error:
        if error.errno not in (*_MISSING, *_DENIED):
            raise store_error(error, "list", local_uri(child.path)) from error
        return Item(path, 0, "", fault_of(error, local_uri(child.path)))
    if not modes.S_ISREG(status.st_mode):
        return None
    is_link = behind_link or child.is_symlink()
    return Item(
        path, status.st_size, file_version(status), file=file_identity(status), is_link=is_link
    )
