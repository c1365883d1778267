"""Opening entries: plain calls for local files, bounded reading ahead for remote ones.

A request takes as long as a decode or longer, so the next images' bytes are under way while one is worked on. Bytes
are waited for before the image is handed out: a slow network is no fault of the image, whose deadline starts then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from mrimage.errors import ImageError, StoreError
from mrimage.source.shards import is_at_hand, is_sequential, open_member
from mrimage.storage import open_listed
from mrimage.types import ByteSource, Entry

HEAD = 32 << 10
"""Bytes of an image that are read ahead when its header is wanted: nine headers in ten are shorter."""

REQUESTS = 16
"""Requests under way at once, for each process."""

AHEAD = 40
"""Images read ahead. Room for REQUESTS of them is used at once: a burst costs both sides fewer wake-ups than as many
requests one by one, and leaves the decoding between two bursts in peace."""

AHEAD_BYTES = 64 << 20
"""Most bytes read ahead, as far as sizes are known; at least one image is."""

UNKNOWN = 1 << 20
"""What an image counts for when its size is not known."""


def open_entry(entry: Entry) -> ByteSource:
    """The bytes of ``entry``; where the store tells for free, a read of another version than the listed one raises
    ImageError("changed"), and of a missing one ImageError("vanished")."""
    return open_member(entry) or open_listed(entry.uri, entry.size, entry.version)


def read_ahead(entries: Iterable[Entry], whole: bool) -> Iterator[tuple[Entry, ByteSource]]:
    """Each entry with its bytes, in the same order. ``whole`` says that the caller will read all of each; without
    it heads are read ahead, and whole images once the caller has read all of the one before."""
    waiting: deque[_Ahead] = deque()
    pools = _Pools()
    stream = iter(entries)
    ended, size = False, 0
    try:
        while True:
            burst = len(waiting) <= AHEAD - REQUESTS
            while (
                burst and not ended and len(waiting) < AHEAD and (size < AHEAD_BYTES or not waiting)
            ):
                entry = next(stream, None)
                if entry is None:
                    ended = True
                    break
                waiting.append(_Ahead(entry, pools, whole))
                size += waiting[-1].weight
                if is_at_hand(entry):
                    break  # nothing is gained by looking further
            if not waiting:
                return
            ahead = waiting.popleft()
            size -= ahead.weight
            source = ahead.source()
            yield ahead.entry, source
            whole = whole or (isinstance(source, Fetched) and source.was_wanted)
    finally:
        pools.close()


class Fetched:
    """A source of which the first bytes are here already, or all (``whole``), or the error that reading them ended
    with."""

    __slots__ = ("_data", "_error", "_inner", "_whole", "uri", "was_wanted")

    def __init__(
        self, inner: ByteSource, data: bytes, error: Exception | None, whole: bool = False
    ) -> None:
        self.uri = inner.uri
        self.was_wanted = False
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
            self.was_wanted = True
        end = self.size if length is None else min(start + length, self.size)
        if end <= len(self._data):
            return self._data if (start, end) == (0, len(self._data)) else self._data[start:end]
        if start == 0 and self._data:
            return self._data + self._inner.read(len(self._data), end - len(self._data))
        return self._inner.read(start, length)


class _Ahead:
    """One entry whose bytes are under way."""

    def __init__(self, entry: Entry, pools: _Pools, whole: bool) -> None:
        self.entry = entry
        self.weight = 0
        self._fetched: Future[Fetched] | None = None
        if not is_at_hand(entry):
            known = entry.size if entry.version and entry.size >= 0 else UNKNOWN
            whole = whole and known <= AHEAD_BYTES
            self.weight = known if whole else min(known, HEAD)
            self._fetched = pools.of(entry).submit(_fetch, entry, None if whole else HEAD)

    def source(self) -> ByteSource:
        return self._fetched.result() if self._fetched else open_entry(self.entry)


class _Pools:
    """Threads that fetch: one for archives that are read in their own order, several for everything else."""

    def __init__(self) -> None:
        self._pools: dict[bool, ThreadPoolExecutor] = {}

    def of(self, entry: Entry) -> ThreadPoolExecutor:
        alone = is_sequential(entry)
        if alone not in self._pools:
            self._pools[alone] = ThreadPoolExecutor(1 if alone else REQUESTS, "mrimage-read")
        return self._pools[alone]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


class _Unopened:
    """What stands for a source that could not even be opened."""

    size = 0

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return b""


def _fetch(entry: Entry, length: int | None) -> Fetched:
    inner: ByteSource = _Unopened(entry.uri)
    try:
        inner = open_entry(entry)
        return Fetched(inner, inner.read(0, length), None, whole=length is None)
    except (ImageError, StoreError, MemoryError) as error:
        return Fetched(inner, b"", error)
