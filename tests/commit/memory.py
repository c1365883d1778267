"""A remote store in memory, in which each change can be made to wait, for tests of what two runs do to one OUT."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mrimage.errors import NotFoundError
from mrimage.storage import BACKENDS, Item
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.storage.store import OnUnlisted

_kept: dict[str, dict[str, bytes]] = {}
_turns: dict[str, threading.Lock] = {}


class MemoryStore:
    """The Store of ``mem://bucket/folder``; tests use a bucket each, since stores are kept open. ``before`` is called with ("write" | "create" | "replace" | "delete", path)
    before a change is made, by the thread that asked for it, and may wait or raise."""

    local = None

    def __init__(self, url: str, settings: StoreSettings = DEFAULT) -> None:
        self.root = url.rstrip("/")
        bucket, _, folder = self.root.removeprefix("mem://").partition("/")
        self._prefix = f"{folder}/" if folder else ""
        self._files = _kept.setdefault(bucket, {})
        self._turn = _turns.setdefault(bucket, threading.Lock())
        self.before: Callable[[str, str], Any] = lambda action, path: None

    def plant(self, path: str, data: bytes) -> None:
        """Have ``data`` there, whatever ``before`` would say."""
        self._files[self._prefix + path] = data

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def prepare(self) -> None:
        """A bucket is there."""

    def sweep(self, prefix: str = "") -> int:
        return 0

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        below = self._prefix + (f"{prefix.rstrip('/')}/" if prefix else "")
        keys = sorted(key for key in list(self._files) if key.startswith(below))
        yield from [self.stat(key.removeprefix(self._prefix)) for key in keys]

    def stat(self, path: str) -> Item:
        data = self.read(path)
        return Item(path, len(data), hashlib.md5(data).hexdigest())

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        data = self._files.get(self._prefix + path)
        if data is None:
            raise NotFoundError(f"Cannot read {self.uri(path)}: there is nothing of this name.")
        return data[start : None if length is None else start + length]

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        self.before("write", path)
        self.plant(path, data)

    def create(self, path: str, data: bytes) -> bool:
        self.before("create", path)
        with self._turn:
            return self._files.setdefault(self._prefix + path, data) is data

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        self.before("replace", path)
        with self._turn:
            if self._files.get(self._prefix + path) != expected:
                return False
            self.plant(path, data)
            return True

    def delete(self, path: str) -> None:
        self.before("delete", path)
        self._files.pop(self._prefix + path, None)


def same_bucket(name: str, other: str) -> None:
    """Let two buckets be one, as a folder may be mounted twice."""
    _kept[name] = _kept.setdefault(other, {})


@contextmanager
def memory_backend() -> Iterator[None]:
    """``mem://`` is a scheme of stores in the block."""
    BACKENDS["mem"] = (__name__, "MemoryStore", "json", "none")
    try:
        yield
    finally:
        del BACKENDS["mem"]
