"""Reading ahead: order, bursts, and how much is held."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrimage.errors import StoreError
from mrimage.source import read_ahead, readahead
from mrimage.source.readahead import AHEAD, AHEAD_BYTES, HEAD, REQUESTS
from mrimage.types import Entry


class Remote:
    """What a store answers: the number in the name of the image."""

    size = 5

    def __init__(self, entry: Entry) -> None:
        self.uri = entry.uri

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.uri.endswith("bad.jpg"):
            raise StoreError("The server is gone.")
        return self.uri[-9:-4].encode()


def entries(count: int, size: int = 5) -> list[Entry]:
    return [
        Entry(f"s3://bucket/{number:05}.jpg", f"{number:05}.jpg", size, '"v"')
        for number in range(count)
    ]


class Counted:
    """An iterator that knows how many of its items were taken."""

    def __init__(self, items: list[Entry]) -> None:
        self._items = iter(items)
        self.taken = 0

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        item = next(self._items)
        self.taken += 1
        return item


@pytest.fixture(autouse=True)
def remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readahead, "open_entry", Remote)


@given(st.integers(0, 3 * AHEAD), st.sampled_from([5, AHEAD_BYTES // 3, 2 * AHEAD_BYTES]))
def test_every_entry_comes_once_in_order_with_its_own_bytes(count: int, size: int) -> None:
    found = [
        (entry, source.read(0, 5)) for entry, source in read_ahead(entries(count, size), whole=True)
    ]
    assert found == [(entry, entry.path[:5].encode()) for entry in entries(count, size)]


def test_requests_go_out_in_bursts_and_none_between_them() -> None:
    stream = Counted(entries(3 * AHEAD))
    taken = [stream.taken for _ in read_ahead(stream, whole=True)]
    burst = [AHEAD] * REQUESTS
    assert taken[: 3 * REQUESTS] == [
        *burst,
        *[AHEAD + REQUESTS] * REQUESTS,
        *[AHEAD + 2 * REQUESTS] * REQUESTS,
    ]
    assert taken[-1] == 3 * AHEAD


def test_large_images_are_read_ahead_by_their_bytes_not_by_their_number() -> None:
    stream = Counted(entries(20, AHEAD_BYTES // 4))
    next(iter(read_ahead(stream, whole=True)))
    assert stream.taken == 4


def test_of_an_image_too_large_to_be_held_only_the_head_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int | None] = []

    class Large(Remote):
        def read(self, start: int = 0, length: int | None = None) -> bytes:
            asked.append(length)
            return super().read(start, length)

    monkeypatch.setattr(readahead, "open_entry", Large)
    list(read_ahead(entries(3, 2 * AHEAD_BYTES), whole=True))
    assert asked == [HEAD] * 3


def test_no_more_requests_run_at_once_than_one_process_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, running, most = threading.Lock(), 0, 0
    full = threading.Event()

    class Slow(Remote):
        def read(self, start: int = 0, length: int | None = None) -> bytes:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                if running == REQUESTS:
                    full.set()
            assert full.wait(10)
            with lock:
                running -= 1
            return super().read(start, length)

    monkeypatch.setattr(readahead, "open_entry", Slow)
    assert sum(1 for _ in read_ahead(entries(3 * AHEAD), whole=True)) == 3 * AHEAD
    assert most == REQUESTS


def test_an_error_is_told_where_its_image_is_read_and_the_others_are_there() -> None:
    named = entries(3)
    named[1] = Entry("s3://bucket/bad.jpg", "bad.jpg", 5, '"v"')
    sources = [source for _, source in read_ahead(named, whole=True)]
    assert [sources[0].read(), sources[2].read()] == [b"00000", b"00002"]
    with pytest.raises(StoreError, match="The server is gone"):
        sources[1].read()
