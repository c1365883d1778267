"""HDFS by hdfs-native: no Java on the client; the user's Hadoop configuration (HADOOP_CONF_DIR) is honoured.

MRIMAGE_HDFS_REPLICATION sets how many DataNodes keep what is written; without it the cluster's own default holds.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar
from xml.etree import ElementTree

import hdfs_native

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError, UsageError
from mrimage.storage.names import require_safe, scheme
from mrimage.storage.retry import Retry
from mrimage.storage.store import Item

T = TypeVar("T")

FIRST_ANSWER = 10.0
"""Seconds that a cluster has for its first answer."""

LONGEST_SWAP = 2.0
"""Seconds that ``create`` waits for a file that a ``replace`` holds aside."""

_TEMPORARY = ".mrimage-tmp-"
_SWAP = f"{_TEMPORARY}swap-"
# The client's own tries are kept short: by default they go on for three minutes even where nobody listens.
_CONFIG = {
    "dfs.client.failover.max.attempts": "3",
    "dfs.client.failover.sleep.base.millis": "100",
    "dfs.client.failover.sleep.max.millis": "1000",
    "dfs.client.socket-timeout": "15000",
}


class HdfsStore:
    """The Store of ``hdfs://namenode:port/folder``, ``hdfs://nameservice/folder`` or ``hdfs:///folder``."""

    def __init__(self, url: str) -> None:
        authority, _, folder = url.split("://", 1)[1].partition("/")
        self._authority = f"{scheme(url)}://{authority}"
        self._folder = "/" + folder.strip("/") if folder.strip("/") else ""
        self._retry = Retry()
        try:
            self._client = hdfs_native.Client(self._authority if authority else None, _CONFIG)
        except Exception as error:  # noqa: BLE001 - the client's errors share no base
            raise self._translate(error, "open", "") from None

    @property
    def root(self) -> str:
        return self._authority + (self._folder or "/")

    def uri(self, path: str) -> str:
        return f"{self._authority}{self._folder}/{path}"

    def make_root(self) -> None:
        """Make the store's folder, with its parents."""
        self._try("write", "", lambda: self._client.mkdirs(self._folder or "/", 0o755, True))

    def list(self, prefix: str = "") -> Iterator[Item]:
        try:
            yield from self._walk(
                self._place(prefix.strip("/")) if prefix.strip("/") else self._folder or "/"
            )
        except NotFoundError:
            if not prefix:
                raise

    def _walk(self, start: str) -> Iterator[Item]:
        folders = [start]
        below = len(self._folder) + 1
        while folders:
            for status in self._children(folders.pop()):
                name = status.path.rpartition("/")[2]
                if status.isdir:
                    folders.append(status.path)
                elif not name.startswith(_TEMPORARY):
                    yield Item(status.path[below:], status.length, str(status.modification_time))

    def _children(self, folder: str) -> Iterator[hdfs_native.FileStatus]:
        """The sorted children of ``folder``; after a failure the listing goes on behind the last one."""
        last = ""
        found = iter(self._client.list_status(folder))

        def step() -> hdfs_native.FileStatus | None:
            nonlocal found
            try:
                return next(found, None)
            except Exception:
                # A listing that failed is over: the next try, if the error allows one, goes on behind the last name.
                found = (
                    each
                    for each in self._client.list_status(folder)
                    if each.path.encode() > last.encode()
                )
                raise

        while status := self._try("list", folder[len(self._folder) + 1 :], step):
            last = status.path
            yield status

    def stat(self, path: str) -> Item:
        place = self._place(path)
        status = self._try("read", path, lambda: self._client.get_file_info(place))
        if status.isdir:
            raise NotFoundError(f"Cannot read {self.uri(path)}: it is a folder.")
        return Item(path, status.length, str(status.modification_time))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        place = self._place(path)
        listed = expected.size if expected else -1

        def fetch() -> bytes:
            reader = self._client.read(place)
            size = len(reader)
            if listed not in (-1, size):
                raise ImageError("changed", f"{self.uri(path)} is not the file that was listed.")
            # The client panics on a range past the end.
            wanted = max(size - start, 0) if length is None else max(min(length, size - start), 0)
            return reader.read_range(start, wanted) if wanted else b""

        try:
            return self._try("read", path, fetch)
        except NotFoundError as error:
            if expected:
                raise ImageError("vanished", f"{self.uri(path)} was listed but is gone.") from error
            raise

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        place = self._place(path)
        self._try("write", path, lambda: self._put(place, data, durable, replace=True))

    def create(self, path: str, data: bytes) -> bool:
        place = self._place(path)
        tries = 0
        self._wait_for_swap(path, place)

        def put() -> bool:
            nonlocal tries
            tries += 1
            try:
                self._put(place, data, durable=False, replace=False)
            except FileExistsError:
                # It may be there because an earlier try came through and only its answer was lost.
                return tries > 1 and self.read(path) == data
            return True

        return self._try("write", path, put)

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        # HDFS has no conditional write. A rename is atomic and takes a file away from everybody else: whoever moved the
        # old file aside has it, and nobody else can move it. For a moment there is no file at ``path``; ``create`` knows.
        place = self._place(path)
        fresh, aside = _beside(place), _beside(place, _SWAP)
        try:
            if self.read(path) != expected:
                return False
            self._try("write", path, lambda: self._fill(fresh, data, durable=False))
            if not self._move(path, place, aside):
                return False
            if self._try("read", path, lambda: self._client.read(aside).read()) != expected:
                self._move(path, aside, place)
                return False
            return self._move(path, fresh, place)
        except NotFoundError:
            return False
        finally:
            for left in (fresh, aside):
                with suppress(OSError, RuntimeError):
                    self._client.delete(left)

    def _wait_for_swap(self, path: str, place: str) -> None:
        """Return once no ``replace`` holds the file ``place`` aside; one that was killed is not waited for long."""
        folder = place.rpartition("/")[0]

        def swaps() -> bool:
            if self._is_there(place) or not self._is_there(folder or "/"):
                return False
            found = self._client.list_status(folder or "/")
            return any(each.path.rpartition("/")[2].startswith(_SWAP) for each in found)

        end = time.monotonic() + LONGEST_SWAP
        while self._try("list", path, swaps) and time.monotonic() < end:
            time.sleep(0.05)

    def _move(self, path: str, source: str, target: str) -> bool:
        """Rename ``source`` to ``target``; False where ``source`` is gone or ``target`` is there already."""
        tries = 0

        def rename() -> bool:
            nonlocal tries
            tries += 1
            try:
                self._client.rename(source, target, False)
            except (FileNotFoundError, FileExistsError):
                # It may be so because an earlier try came through and only its answer was lost.
                return tries > 1 and self._is_there(target) and not self._is_there(source)
            return True

        return self._try("write", path, rename)

    def _is_there(self, place: str) -> bool:
        try:
            self._client.get_file_info(place)
        except FileNotFoundError:
            return False
        return True

    def _put(self, place: str, data: bytes, durable: bool, replace: bool) -> None:
        """Write a file beside ``place`` and rename it: whoever sees a name sees all of its bytes."""
        temporary = _beside(place)
        try:
            self._fill(temporary, data, durable)
            self._client.rename(temporary, place, replace)
        except BaseException:
            with suppress(OSError, RuntimeError):
                self._client.delete(temporary)
            raise

    def _fill(self, place: str, data: bytes, durable: bool) -> None:
        options = hdfs_native.WriteOptions(
            replication=_replication(), overwrite=True, create_parent=True
        )
        with self._client.create(place, options) as writer:
            writer.write(data)
            if durable and data:
                writer.hsync()

    def delete(self, path: str) -> None:
        place = self._place(path)
        with suppress(NotFoundError):
            self._try("delete", path, lambda: self._client.delete(place))

    def sweep(self, prefix: str = "") -> int:
        """Remove the temporary files that killed writers left below ``prefix``; returns how many there were."""
        start = self._place(prefix.strip("/")) if prefix.strip("/") else self._folder or "/"
        found = self._try("list", prefix, lambda: list(self._client.list_status(start, True)))
        left = [each.path for each in found if each.path.rpartition("/")[2].startswith(_TEMPORARY)]
        for place in left:
            self._client.delete(place)
        return len(left)

    def _place(self, path: str) -> str:
        require_safe(path)
        return f"{self._folder}/{path}"

    def _try(self, action: str, path: str, call: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                if not self._retry.contacted:
                    self._greet()
                return call()
            except (StoreError, ImageError):
                raise
            except Exception as error:  # noqa: BLE001 - the client's errors share no base
                raise self._translate(error, action, path) from None

        return self._retry(attempt)

    def _greet(self) -> None:
        """Raise TimeoutError where the cluster is silent: the client itself would wait for minutes."""
        answered = threading.Event()

        def ask() -> None:
            with suppress(Exception):  # what is wrong is told by the call itself
                self._client.get_file_info("/")
            answered.set()

        threading.Thread(target=ask, name="mrimage-hdfs", daemon=True).start()
        if not answered.wait(FIRST_ANSWER):
            raise TimeoutError(f"it did not answer within {FIRST_ANSWER:.0f} seconds")

    def _translate(self, error: Exception, action: str, path: str) -> StoreError:
        text = str(error)
        # Behind the first line is the NameNode's Java stack trace.
        reason = (
            text.replace("\\n", "\n").splitlines()[0][:200].rstrip(".")
            if text
            else type(error).__name__
        )
        place = "" if not self._authority.endswith("/") else f" at {_default_file_system()}"
        what = f"Cannot {action} {self.uri(path) if path else self.root}{place}"
        if isinstance(error, FileNotFoundError):
            return NotFoundError(f"{what}: there is nothing of this name.")
        if (
            isinstance(error, PermissionError)
            or "AccessControlException" in text
            or "Permission denied" in text
        ):
            return DeniedError(
                f"{what}: permission denied. Check HADOOP_USER_NAME, or the Kerberos ticket."
            )
        if "No NameNode hosts found" in text:
            return StoreError(
                f"{what}: {self._authority} is no name service of the Hadoop configuration. {_CHECK}"
            )
        if any(
            sign in text
            for sign in (
                "SafeMode",
                "StandbyException",
                "RetriableException",
                "AlreadyBeingCreated",
            )
        ):
            return StoreError(f"{what}: the NameNode asks to wait ({reason}).", transient=True)
        if (
            isinstance(error, (FileExistsError, IsADirectoryError, NotADirectoryError))
            or "RPCError" in text
        ):
            return StoreError(f"{what}: {reason}.")
        return StoreError(f"{what}: {reason}. {_CHECK}", transient=True)


_CHECK = "Check the NameNode's address, and HADOOP_CONF_DIR."


def _default_file_system() -> str:
    """What ``hdfs:///`` stands for, for people to read."""
    home = os.environ.get("HADOOP_HOME")
    folder = os.environ.get("HADOOP_CONF_DIR") or (f"{home}/etc/hadoop" if home else "")
    with suppress(OSError, ElementTree.ParseError):
        for each in ElementTree.parse(f"{folder}/core-site.xml").iter("property"):
            if each.findtext("name") in ("fs.defaultFS", "fs.default.name"):
                return each.findtext("value") or ""
    return "the default file system, which no Hadoop configuration names"


def _beside(place: str, prefix: str = _TEMPORARY) -> str:
    """A new name for a temporary file in the folder of ``place``."""
    return f"{place.rpartition('/')[0]}/{prefix}{secrets.token_hex(8)}"


def _replication() -> int | None:
    text = os.environ.get("MRIMAGE_HDFS_REPLICATION", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 512:
        raise UsageError(
            f'Expected MRIMAGE_HDFS_REPLICATION as a number from 1 to 512, but received "{text}".'
        )
    return int(text)
