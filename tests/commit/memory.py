"""A remote store in memory, in which each change can be made to wait, for tests of what two runs do to one OUT."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from mrimage.errors import NotFoundError
from mrimage.storage import BACKENDS, Item

_kept: dict[str, dict[str, bytes]] = {}


class MemoryStore:
    """The Store of ``mem://name/folder``. ``before`` is called with ("write" | "create" | "replace" | "delete", path)
    before a change is made, by the thread that asked for it, and may wait or raise."""

    def __init__(self, url: str) -> None:
        self.root = url.rstrip("/")
        self._files = _kept.setdefault(self.root, {})
        self._turn = threading.Lock()
        self.before: Callable[[str, str], Any] = lambda action, path: nullcontext()

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def list(self, prefix: str = "") -> Iterator[Item]:
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        yield from [self.stat(path) for path in sorted(self._files) if path.startswith(folder)]

    def stat(self, path: str) -> Item:
        data = self.read(path)
        return Item(path, len(data), hashlib.md5(data).hexdigest())

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        if path not in self._files:
            raise NotFoundError(f"Cannot read {self.uri(path)}: there is nothing of this name.")
        return self._files[path][start : None if length is None else start + length]

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        self.before("write", path)
        self._files[path] = data

    def create(self, path: str, data: bytes) -> bool:
        self.before("create", path)
        with self._turn:
            return self._files.setdefault(path, data) is data

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        self.before("replace", path)
        with self._turn:
            if self._files.get(path) != expected:
                return False
            self._files[path] = data
            return True

    def delete(self, path: str) -> None:
        self.before("delete", path)
        self._files.pop(path, None)


@contextmanager
def memory_backend() -> Iterator[None]:
    """``mem://`` is a scheme of stores in the block."""
    BACKENDS["mem"] = (__name__, "MemoryStore", "json", "none")
    try:
        yield
    finally:
        del BACKENDS["mem"]
        _kept.clear()
