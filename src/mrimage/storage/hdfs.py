"""HDFS by way of hdfs-native: needs no Java, and follows the user's Hadoop configuration
(HADOOP_CONF_DIR).

MRIMAGE_HDFS_REPLICATION sets how many DataNodes keep each file; without it the cluster's default
holds.
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

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.storage.names import require_safe, scheme
from mrimage.storage.retry import Retry
from mrimage.storage.settings import DEFAULT, StoreSettings, replication_of
from mrimage.storage.store import Item, OnUnlisted

T = TypeVar("T")

FIRST_ANSWER = 10.0
"""Seconds that a cluster may take for its first response."""

LONGEST_SWAP = 2.0
"""Seconds that ``create`` waits for a ``replace`` that has moved the file aside."""

_TEMPORARY = ".mrimage-tmp-"
_SWAP = f"{_TEMPORARY}swap-"

# The client's own retries are kept short: by default they take three minutes even if no server
# is running.
_CONFIG = {
    "dfs.client.failover.max.attempts": "3",
    "dfs.client.failover.sleep.base.millis": "100",
    "dfs.client.failover.sleep.max.millis": "1000",
    "dfs.client.socket-timeout": "15000",
}

_CHECK = "Check the NameNode's address, and HADOOP_CONF_DIR."

_BUSY = ("SafeMode", "StandbyException", "RetriableException", "AlreadyBeingCreated")
"""Java exceptions of a NameNode that will serve the request later."""


class HdfsStore:
    """The Store of ``hdfs://namenode:port/folder``, ``hdfs://nameservice/folder`` or
    ``hdfs:///folder``."""

    def __init__(self, url: str, settings: StoreSettings = DEFAULT) -> None:
        authority, _, folder = url.split("://", 1)[1].partition("/")
        self._authority = f"{scheme(url)}://{authority}"
        self._folder = "/" + folder.strip("/") if folder.strip("/") else ""
        self._settings = settings
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

    @property
    def local(self) -> None:
        return None

    def prepare(self) -> None:
        self._try("write", "", lambda: self._client.mkdirs(self._folder or "/", 0o755, True))

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        try:
            yield from self._walk(self._absolute_folder(prefix), unlisted)
        except NotFoundError:
            if not prefix:
                raise

    def _walk(self, start: str, unlisted: OnUnlisted | None) -> Iterator[Item]:
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                for status in self._children(folder):
                    if status.isdir:
                        folders.append(status.path)
                    elif not _last_name(status.path).startswith(_TEMPORARY):
                        path = self._relative(status.path)
                        yield Item(path, status.length, str(status.modification_time))
            except (NotFoundError, DeniedError) as error:
                if unlisted is None or folder == start:
                    raise
                unlisted(self.uri(self._relative(folder)), error)

    def _children(self, folder: str) -> Iterator[hdfs_native.FileStatus]:
        """Yield the sorted children of ``folder``. A retry continues after the last one."""
        last = ""
        found = iter(self._client.list_status(folder))

        def step() -> hdfs_native.FileStatus | None:
            nonlocal found
            try:
                return next(found, None)
            except Exception:
                # A listing ends with its failure: the next try, if the error allows one, starts
                # a new listing after the last name. HDFS sorts names by their UTF-8 bytes.
                found = (
                    status
                    for status in self._client.list_status(folder)
                    if status.path.encode() > last.encode()
                )
                raise

        while status := self._try("list", self._relative(folder), step):
            last = status.path
            yield status

    def stat(self, path: str) -> Item:
        absolute = self._absolute(path)
        status = self._try("read", path, lambda: self._client.get_file_info(absolute))
        if status.isdir:
            raise NotFoundError(f"Cannot read {self.uri(path)}: it is a folder.")
        return Item(path, status.length, str(status.modification_time))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        absolute = self._absolute(path)
        listed_size = expected.size if expected else -1

        def fetch() -> bytes:
            reader = self._client.read(absolute)
            size = len(reader)
            if listed_size not in (-1, size):
                raise ImageError("changed", f"{self.uri(path)} is not the file that was listed.")
            # The client panics on a range past the end.
            available = max(size - start, 0)
            wanted = available if length is None else max(min(length, available), 0)
            return reader.read_range(start, wanted) if wanted else b""

        try:
            return self._try("read", path, fetch)
        except NotFoundError as error:
            if expected:
                raise ImageError("vanished", f"{self.uri(path)} was listed but is gone.") from error
            raise

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        absolute = self._absolute(path)
        self._try("write", path, lambda: self._put(absolute, data, durable, replace=True))

    def create(self, path: str, data: bytes) -> bool:
        absolute = self._absolute(path)
        tries = 0
        self._wait_for_swap(path, absolute)

        def put() -> bool:
            nonlocal tries
            tries += 1
            try:
                self._put(absolute, data, durable=False, replace=False)
            except FileExistsError:
                # An earlier try may have succeeded with only its response lost.
                return tries > 1 and self.read(path) == data
            return True

        return self._try("write", path, put)

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        # HDFS has no conditional write, but a rename is atomic: only one caller can move the old
        # file aside. For a moment there is no file at ``path``; ``create`` waits for its end.
        absolute = self._absolute(path)
        fresh = _temporary_beside(absolute)
        aside = _temporary_beside(absolute, _SWAP)
        try:
            if self.read(path) != expected:
                return False
            self._try("write", path, lambda: self._fill(fresh, data, durable=False))
            if not self._move(path, absolute, aside):
                return False
            # Another caller may have replaced the file since it was read.
            moved = self._try("read", path, lambda: self._client.read(aside).read())
            if moved != expected:
                self._move(path, aside, absolute)
                return False
            return self._move(path, fresh, absolute)
        except NotFoundError:
            return False
        finally:
            for leftover in (fresh, aside):
                with suppress(OSError, RuntimeError):
                    self._client.delete(leftover)

    def _wait_for_swap(self, path: str, absolute: str) -> None:
        """Return once no ``replace`` has the file moved aside.

        Waits at most LONGEST_SWAP seconds, in case the ``replace`` was killed.
        """
        folder = absolute.rpartition("/")[0] or "/"

        def is_swapping() -> bool:
            if self._exists(absolute) or not self._exists(folder):
                return False
            children = self._client.list_status(folder)
            return any(_last_name(status.path).startswith(_SWAP) for status in children)

        end = time.monotonic() + LONGEST_SWAP
        while self._try("list", path, is_swapping) and time.monotonic() < end:
            time.sleep(0.05)

    def _move(self, path: str, source: str, target: str) -> bool:
        """Rename ``source`` to ``target``; False if ``source`` is gone or ``target`` exists."""
        tries = 0

        def rename() -> bool:
            nonlocal tries
            tries += 1
            try:
                self._client.rename(source, target, False)
            except (FileNotFoundError, FileExistsError):
                # An earlier try may have succeeded with only its response lost.
                return tries > 1 and self._exists(target) and not self._exists(source)
            return True

        return self._try("write", path, rename)

    def _exists(self, absolute: str) -> bool:
        try:
            self._client.get_file_info(absolute)
        except FileNotFoundError:
            return False
        return True

    def _put(self, absolute: str, data: bytes, durable: bool, replace: bool) -> None:
        """Write a temporary file and rename it, so that readers see all of its bytes or none."""
        temporary = _temporary_beside(absolute)
        try:
            self._fill(temporary, data, durable)
            self._client.rename(temporary, absolute, replace)
        except BaseException:
            with suppress(OSError, RuntimeError):
                self._client.delete(temporary)
            raise

    def _fill(self, absolute: str, data: bytes, durable: bool) -> None:
        options = hdfs_native.WriteOptions(
            replication=replication_of(self._settings), overwrite=True, create_parent=True
        )
        with self._client.create(absolute, options) as writer:
            writer.write(data)
            if durable and data:
                writer.hsync()

    def delete(self, path: str) -> None:
        absolute = self._absolute(path)
        with suppress(NotFoundError):
            self._try("delete", path, lambda: self._client.delete(absolute))

    def sweep(self, prefix: str = "") -> int:
        start = self._absolute_folder(prefix)
        found = self._try("list", prefix, lambda: list(self._client.list_status(start, True)))
        paths = [status.path for status in found]
        leftovers = [path for path in paths if _last_name(path).startswith(_TEMPORARY)]
        for leftover in leftovers:
            self._client.delete(leftover)
        return len(leftovers)

    def _absolute(self, path: str) -> str:
        """The path from the root of HDFS for one below the store's root."""
        require_safe(path)
        return f"{self._folder}/{path}"

    def _absolute_folder(self, prefix: str) -> str:
        folder = prefix.strip("/")
        return self._absolute(folder) if folder else self._folder or "/"

    def _relative(self, absolute: str) -> str:
        return absolute[len(self._folder) + 1 :]

    def _try(self, action: str, path: str, call: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                if not self._retry.contacted:
                    self._require_response()
                return call()
            except (StoreError, ImageError):
                raise
            except Exception as error:  # noqa: BLE001 - the client's errors share no base
                raise self._translate(error, action, path) from None

        return self._retry(attempt)

    def _require_response(self) -> None:
        """Raise TimeoutError if the cluster is silent: the client itself would wait for minutes."""
        answered = threading.Event()

        def ask() -> None:
            with suppress(Exception):  # the call that follows reports any error
                self._client.get_file_info("/")
            answered.set()

        threading.Thread(target=ask, name="mrimage-hdfs", daemon=True).start()
        if not answered.wait(FIRST_ANSWER):
            raise TimeoutError(f"it did not answer within {FIRST_ANSWER:.0f} seconds")

    def _translate(self, error: Exception, action: str, path: str) -> StoreError:
        text = str(error)
        reason = _first_line(text) if text else type(error).__name__
        is_default = self._authority.endswith("/")
        cluster = f" at {_default_file_system()}" if is_default else ""
        message = f"Cannot {action} {self.uri(path) if path else self.root}{cluster}"
        if isinstance(error, FileNotFoundError):
            return NotFoundError(f"{message}: there is nothing of this name.")
        if _is_denied(error, text):
            return DeniedError(
                f"{message}: permission denied. Check HADOOP_USER_NAME, or the Kerberos ticket."
            )
        if "No NameNode hosts found" in text:
            return StoreError(
                f"{message}: the Hadoop configuration has no name service {self._authority}. "
                f"{_CHECK}"
            )
        if any(name in text for name in _BUSY):
            return StoreError(f"{message}: the NameNode is busy ({reason}).", transient=True)
        wrong_kind = (FileExistsError, IsADirectoryError, NotADirectoryError)
        if isinstance(error, wrong_kind) or "RPCError" in text:
            return StoreError(f"{message}: {reason}.")
        return StoreError(f"{message}: {reason}. {_CHECK}", transient=True)


def _is_denied(error: Exception, text: str) -> bool:
    has_denied_text = "AccessControlException" in text or "Permission denied" in text
    return isinstance(error, PermissionError) or has_denied_text


def _first_line(text: str) -> str:
    """The first line of an error's text: the NameNode's Java stack trace follows it."""
    lines = text.replace("\\n", "\n").splitlines()
    return lines[0][:200].rstrip(".")


def _last_name(path: str) -> str:
    return path.rpartition("/")[2]


def _default_file_system() -> str:
    """The file system that ``hdfs:///`` means, for messages."""
    home = os.environ.get("HADOOP_HOME")
    home_folder = f"{home}/etc/hadoop" if home else ""
    folder = os.environ.get("HADOOP_CONF_DIR") or home_folder
    with suppress(OSError, ElementTree.ParseError):
        for entry in ElementTree.parse(f"{folder}/core-site.xml").iter("property"):
            if entry.findtext("name") in ("fs.defaultFS", "fs.default.name"):
                return entry.findtext("value") or ""
    return "the default file system, which no Hadoop configuration names"


def _temporary_beside(path: str, prefix: str = _TEMPORARY) -> str:
    """A new name for a temporary file in the folder of ``path``."""
    folder = path.rpartition("/")[0]
    return f"{folder}/{prefix}{secrets.token_hex(8)}"
