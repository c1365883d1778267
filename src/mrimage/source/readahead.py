"""Opening entries: local files directly, remote ones by reading a bounded number ahead.

A request takes at least as long as decoding an image, so the next images are fetched while the
caller works on one. An image is yielded once its bytes have arrived: its deadline starts then,
since a slow network is not the image's fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from mrimage.errors import ImageError, StoreError
from mrimage.source.shards import is_sequential, needs_no_reading_ahead, open_member
from mrimage.storage import open_listed
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.types import ByteSource, Entry

HEAD = 32 << 10
"""Bytes of an image that are read ahead for its header: nine headers out of ten are shorter."""

REQUESTS = 16
"""Concurrent requests per process."""

AHEAD = 40
"""Most images read ahead.

New requests start only once there is room for REQUESTS of them. Such a burst wakes both sides
less often than single requests do, and does not disturb the decoding between two bursts.
"""

AHEAD_BYTES = 64 << 20
"""Most bytes read ahead if all sizes are known; one image may be longer."""

UNKNOWN = 1 << 20
"""Bytes that count for an image of unknown size."""


def open_entry(entry: Entry, settings: StoreSettings = DEFAULT) -> ByteSource:
    """Open ``entry`` as it was listed.

    If the store reports the version with each read, reading another version raises
    ImageError("changed"), and reading a missing file raises ImageError("vanished").
    """
    member = open_member(entry, settings)
    return member or open_listed(entry.uri, settings, entry.size, entry.version)


def read_ahead(
    entries: Iterable[Entry], whole: bool, settings: StoreSettings = DEFAULT
) -> Iterator[tuple[Entry, ByteSource]]:
    """Yield each entry with its bytes, in order.

    ``whole`` says that the caller will read each image completely. Otherwise only heads are read
    ahead, until the caller has read all of one image: then whole images are.
    """
    queue = _Queue(iter(entries), settings)
    try:
        while True:
            queue.fill(whole)
            fetch = queue.pop()
            if fetch is None:
                return
            source = fetch.wait()
            yield fetch.entry, source
            whole = whole or (isinstance(source, Fetched) and source.was_read_whole)
    finally:
        queue.close()


class Fetched:
    """A source whose first bytes have been read, or all of them (``whole``), or whose read failed.

    The properties and methods raise ``error`` if it is set.
    """

    __slots__ = ("_data", "_error", "_inner", "_whole", "uri", "was_read_whole")

    def __init__(
        self, inner: ByteSource, data: bytes, error: Exception | None, whole: bool = False
    ) -> None:
        self.uri = inner.uri
        self.was_read_whole = False
        self._inner = inner
        self._data = data
        self._error = error
        self._whole = whole

    @property
    def size(self) -> int:
        if self._error:
            raise self._error
        return len(self._data) if self._whole else self._inner.size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self._error:
            raise self._error
        if start == 0 and length is None:
            self.was_read_whole = True
        end = self.size if length is None else min(start + length, self.size)
        fetched = len(self._data)
        if (start, end) == (0, fetched):
            return self._data
        if end <= fetched:
            return self._data[start:end]
        if start == 0 and self._data:
            return self._data + self._inner.read(fetched, end - fetched)
        return self._inner.read(start, length)


class _Queue:
    """The fetches in progress, in the order of their entries."""

    def __init__(self, entries: Iterator[Entry], settings: StoreSettings) -> None:
        self._entries = entries
        self._settings = settings
        self._pools = _Pools()
        self._waiting: deque[_Fetch] = deque()
        self._bytes = 0
        self._ended = False

    def fill(self, whole: bool) -> None:
        """Start fetches if there is room for a burst."""
        if len(self._waiting) > AHEAD - REQUESTS:
            return
        while not self._ended and self._has_room():
            entry = next(self._entries, None)
            if entry is None:
                self._ended = True
                return
            fetch = _Fetch(entry, self._pools, whole, self._settings)
            self._waiting.append(fetch)
            self._bytes += fetch.weight
            if needs_no_reading_ahead(entry):
                return

    def _has_room(self) -> bool:
        if not self._waiting:
            return True
        return len(self._waiting) < AHEAD and self._bytes < AHEAD_BYTES

    def pop(self) -> _Fetch | None:
        """Remove and return the first fetch, or None at the end."""
        if not self._waiting:
            return None
        fetch = self._waiting.popleft()
        self._bytes -= fetch.weight
        return fetch

    def close(self) -> None:
        self._pools.close()


class _Fetch:
    """One entry whose bytes are being read in the background.

    ``weight`` is the number of bytes, estimated if the size is unknown.
    """

    def __init__(self, entry: Entry, pools: _Pools, whole: bool, settings: StoreSettings) -> None:
        self.entry = entry
        self.weight = 0
        self._settings = settings
        self._future: Future[Fetched] | None = None
        if needs_no_reading_ahead(entry):
            return
        is_known = entry.version and entry.size >= 0
        size = entry.size if is_known else UNKNOWN
        fetch_whole = whole and size <= AHEAD_BYTES
        self.weight = size if fetch_whole else min(size, HEAD)
        length = None if fetch_whole else HEAD
        self._future = pools.pool_for(entry).submit(_fetch, entry, settings, length)

    def wait(self) -> ByteSource:
        """The source, once its bytes have arrived."""
        if self._future:
            return self._future.result()
        return open_entry(self.entry, self._settings)


class _Pools:
    """Threads that fetch: one for archives that must be read in order, several for the rest."""

    def __init__(self) -> None:
        self._pools: dict[bool, ThreadPoolExecutor] = {}

    def pool_for(self, entry: Entry) -> ThreadPoolExecutor:
        in_order = is_sequential(entry)
        if in_order not in self._pools:
            threads = 1 if in_order else REQUESTS
            self._pools[in_order] = ThreadPoolExecutor(threads, "mrimage-read")
        return self._pools[in_order]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


class _Unopened:
    """Takes the place of a source that could not even be opened."""

    size = 0

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return b""


def _fetch(entry: Entry, settings: StoreSettings, length: int | None) -> Fetched:
    inner: ByteSource = _Unopened(entry.uri)
    try:
        inner = open_entry(entry, settings)
        return Fetched(inner, inner.read(0, length), None, whole=length is None)
    except (ImageError, StoreError, MemoryError) as error:
        return Fetched(inner, b"", error)
