"""Several requests at once: a remote store answers many as fast as one."""

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
"""Requests under way at once, for each process."""

HELD_BYTES = 64 << 20
"""Most bytes that wait to be written; one output may be longer."""

BURST_BYTES = 4 << 20
"""Bytes that are worth a request before there are REQUESTS outputs to write."""


def in_parallel(store: Store, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What ``call``, a request to ``store``, answers for each of ``items``, in their order; several at once where the
    store is remote."""
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
    """Writes to a store; to a remote one while the caller goes on with its work. An error is told by a later call.

    Small outputs are sent in bursts of REQUESTS, which cost both sides fewer wake-ups than as many sent one by one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool: ThreadPoolExecutor | None = None
        self._burst: list[tuple[str, bytes]] = []
        self._sent: deque[tuple[int, Future[None]]] = deque()
        self._bytes = 0

    def write(self, path: str, data: bytes) -> None:
        """Like the store's; it is done when ``flush`` returns."""
        if self._store.local:
            self._store.write(path, data)
            return
        while self._sent and (
            self._bytes + len(data) > HELD_BYTES or len(self._sent) >= 2 * REQUESTS
        ):
            self._finish_one()
        self._bytes += len(data)
        self._burst.append((path, data))
        if len(self._burst) == REQUESTS or sum(len(data) for _, data in self._burst) >= BURST_BYTES:
            self.send()

    def flush(self) -> None:
        """Wait until everything is written. Raises StoreError where it was not."""
        self.send()
        while self._sent:
            self._finish_one()
        if self._pool:
            self._pool.shutdown()
            self._pool = None

    def send(self) -> None:
        """Let what waits for a burst go out; nothing is waited for."""
        for path, data in self._burst:
            self._pool = self._pool or ThreadPoolExecutor(REQUESTS, "mrimage-write")
            self._sent.append((len(data), self._pool.submit(self._store.write, path, data)))
        self._burst.clear()

    def _finish_one(self) -> None:
        size, written = self._sent.popleft()
        self._bytes -= size
        try:
            written.result()
        except BaseException:
            self._burst.clear()
            if (
                self._pool
            ):  # what is under way ends first: it must not write over what the next attempt writes
                self._pool.shutdown(cancel_futures=True)
            raise
