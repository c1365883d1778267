"""Several requests at once: bursts of small outputs, what is held, errors, and one client for all threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mrimage.errors import StoreError
from mrimage.storage import archives, objects, open_container, open_store
from mrimage.storage.parallel import BURST_BYTES, REQUESTS, BackgroundWriter


class Remote:
    """A store in memory that calls itself remote."""

    root = "s3://bucket"
    local = None

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        with self.lock:
            self.asked.append(path)
        if path == "refused":
            raise StoreError("The disk is full.")
        self.objects[path] = data


def settled(store: Remote, count: int) -> bool:
    """Whether ``count`` writes were asked for within a minute."""
    ends = time.monotonic() + 60
    while len(store.asked) < count and time.monotonic() < ends:
        time.sleep(0.01)
    return len(store.asked) == count


def test_small_outputs_are_sent_in_bursts() -> None:
    store = Remote()
    writer = BackgroundWriter(store)  # type: ignore[arg-type]
    for number in range(REQUESTS - 1):
        writer.write(str(number), b"a")
    time.sleep(0.05)
    assert store.asked == []
    writer.write("last", b"a")
    assert settled(store, REQUESTS)
    writer.flush()


def test_what_no_burst_was_full_of_is_there_after_the_flush() -> None:
    store = Remote()
    writer = BackgroundWriter(store)  # type: ignore[arg-type]
    for number in range(2 * REQUESTS + 3):
        writer.write(str(number), str(number).encode())
    writer.flush()
    assert store.objects == {
        str(number): str(number).encode() for number in range(2 * REQUESTS + 3)
    }


def test_a_long_output_does_not_wait_for_others() -> None:
    store = Remote()
    writer = BackgroundWriter(store)  # type: ignore[arg-type]
    writer.write("long", b"a" * BURST_BYTES)
    assert settled(store, 1)
    writer.flush()


def test_a_writer_can_be_used_again_after_a_flush() -> None:
    store = Remote()
    writer = BackgroundWriter(store)  # type: ignore[arg-type]
    for path in ("a", "b"):
        writer.write(path, b"1")
        writer.flush()
    assert sorted(store.objects) == ["a", "b"]


def test_an_error_is_told_by_the_flush() -> None:
    store = Remote()
    writer = BackgroundWriter(store)  # type: ignore[arg-type]
    writer.write("refused", b"1")
    with pytest.raises(StoreError, match="The disk is full"):
        writer.flush()
    assert store.objects == {}


def test_threads_that_begin_together_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Client:
        def __init__(self, url: str, settings: object) -> None:
            time.sleep(0.05)  # long enough for all threads to be here
            made.append(url)

    monkeypatch.setattr(objects, "ObjectStore", Client)
    monkeypatch.setenv("AWS_REGION", "of-this-test-alone")
    with ThreadPoolExecutor(REQUESTS) as pool:
        stores = list(pool.map(lambda _: open_store("s3://shared/photos"), range(REQUESTS)))
    assert made == ["s3://shared/photos/"]
    assert len({id(store) for store in stores}) == 1


def test_threads_that_begin_together_open_an_archive_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def open_archive(source: object) -> object:
        time.sleep(0.05)
        opened.append(source)
        return object()

    monkeypatch.setattr(archives, "open_archive", open_archive)
    with ThreadPoolExecutor(REQUESTS) as pool:
        found = list(
            pool.map(lambda _: open_container("file:///of/this/test.zip"), range(REQUESTS))
        )
    assert len(opened) == 1
    assert len({id(archive) for archive in found}) == 1
