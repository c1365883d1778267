"""Concurrent requests: a remote store handles many in the time of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from mrimage.storage.store import Store

T = TypeVar("T")
R = TypeVar("R")

REQUESTS = 16
"""Concurrent requests per process."""

HELD_BYTES = 64 << 20
"""Limit on the bytes that wait to be written; a single output may be longer."""

BURST_BYTES = 4 << 20
"""Bytes that justify a burst even if it has fewer than REQUESTS outputs."""


def in_parallel(store: Store, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the result of ``call``, a request to ``store``, for each item, in order.

    Requests to a remote store run concurrently.
    """
    if store.local:
        yield from map(call, items)
        return
    stream = iter(items)
    with ThreadPoolExecutor(REQUESTS, "mrimage-store") as pool:
        waiting = deque(pool.submit(call, item) for item in islice(stream, 2 * REQUESTS))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(call, item) for item in islice(stream, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class BackgroundWriter:
    """Writes to a remote store in the background; an error is raised by a later call.

    Small outputs are sent in bursts of REQUESTS: both sides wake up less often than if they were
    sent one by one. A local store is written to at once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool: ThreadPoolExecutor | None = None
        self._burst: list[tuple[str, bytes]] = []
        self._sent: deque[tuple[int, Future[None]]] = deque()
        self._bytes = 0

    def write(self, path: str, data: bytes) -> None:
        """Write like ``Store.write``; the file is complete once ``flush`` returns."""
        if self._store.local:
            self._store.write(path, data)
            return
        while self._sent and self._is_full(len(data)):
            self._finish_one()
        self._bytes += len(data)
        self._burst.append((path, data))
        burst_bytes = sum(len(data) for _, data in self._burst)
        if len(self._burst) == REQUESTS or burst_bytes >= BURST_BYTES:
            self.send()

    def flush(self) -> None:
        """Wait until everything is written. Raises StoreError if a write failed."""
        self.send()
        while self._sent:
            self._finish_one()
        if self._pool:
            self._pool.shutdown()
            self._pool = None

    def send(self) -> None:
        """Send the current burst without waiting for the result."""
        for path, data in self._burst:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(REQUESTS, "mrimage-write")
            written = self._pool.submit(self._store.write, path, data)
            self._sent.append((len(data), written))
        self._burst.clear()

    def _is_full(self, more: int) -> bool:
        """Whether ``more`` bytes must wait for an earlier output to be written."""
        return self._bytes + more > HELD_BYTES or len(self._sent) >= 2 * REQUESTS

    def _finish_one(self) -> None:
        size, written = self._sent.popleft()
        self._bytes -= size
        try:
            written.result()
        except BaseException:
            self._burst.clear()
            # Wait for requests in flight: they must not overwrite what the next attempt writes.
            if self._pool:
                self._pool.shutdown(cancel_futures=True)
            raise
