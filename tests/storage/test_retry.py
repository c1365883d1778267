"""When a store is tried again, and when it is given up, by a clock of the test's own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from itertools import pairwise
from typing import NoReturn

import pytest
from tests.services.web import Web

from mrimage.errors import NotFoundError, StoreError
from mrimage.storage import Store, objects, open_store, open_uri, retry
from mrimage.storage.retry import Retry


class Clock:
    """Time that passes only where somebody sleeps or waits for a server."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def tell(self, error: StoreError) -> NoReturn:
        raise error

    def failing(self, seconds: float) -> NoReturn:
        """A request to a store that is away, which is known after ``seconds``."""
        self.sleep(seconds)
        raise StoreError("away", transient=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retry, "time", clock)
    monkeypatch.delenv("MRIMAGE_RETRY_SECONDS", raising=False)
    return clock


@pytest.mark.parametrize("seconds", [0.0, 0.2, 5.0])
def test_a_store_that_has_never_answered_is_given_up_within_15_seconds(
    seconds: float, clock: Clock
) -> None:
    """However long a single try takes: a connection is waited for five seconds at most."""
    with pytest.raises(StoreError, match="away"):
        Retry()(lambda: clock.failing(seconds))
    assert clock.now < 15


def test_a_store_that_has_answered_is_waited_for(clock: Clock) -> None:
    policy = Retry()

    def deny() -> NoReturn:
        raise NotFoundError("nothing")

    with pytest.raises(NotFoundError):
        policy(deny)
    assert policy(lambda: "there" if clock.now > 30 else clock.failing(0.1)) == "there"
    begun = clock.now
    with pytest.raises(StoreError, match="away"):
        policy(lambda: clock.failing(0.1))
    assert 30 < clock.now - begun < 50


def test_what_will_not_pass_is_not_tried_again(clock: Clock) -> None:
    asked: list[int] = []

    def ask() -> NoReturn:
        asked.append(1)
        raise StoreError("no")

    with pytest.raises(StoreError, match="no"):
        Retry()(ask)
    assert (len(asked), clock.now) == (1, 0.0)


def test_a_server_that_is_away_for_long_is_asked_now_and_then(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "600")
    policy = Retry()
    policy(lambda: None)
    asked: list[float] = []

    def ask() -> NoReturn:
        asked.append(clock.now)
        clock.failing(0)

    with pytest.raises(StoreError):
        policy(ask)
    assert 120 < len(asked) < 400
    assert max(later - earlier for earlier, later in pairwise(asked)) <= retry.LONGEST_WAIT


def test_a_store_that_says_when_to_come_again_is_asked_then_and_not_before(clock: Clock) -> None:
    times: list[float] = []

    def ask() -> float:
        times.append(clock.now)
        if len(times) < 3:
            raise StoreError("later", transient=True, after=9.0)
        return clock.now

    policy = Retry()
    assert policy(ask) < 45
    assert all(later - before >= 9 for before, later in pairwise(times))
    times.clear()
    with pytest.raises(StoreError, match="tomorrow"):
        policy(lambda: clock.tell(StoreError("tomorrow", transient=True, after=86_400.0)))


def test_retry_after_of_a_web_server_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with Web(b"picture") as web:
        monkeypatch.setenv("MRIMAGE_ALLOW_PRIVATE", "1")
        monkeypatch.setattr(retry.time, "sleep", pauses.append)
        assert open_uri(f"{web.url}/rest/4/a.jpg").read() == b"picture"
    assert [round(pause) for pause in pauses] == [4, 4]


@pytest.mark.parametrize("ask", [lambda store: list(store.list()), lambda store: store.stat("x")])
def test_a_server_that_takes_connections_and_says_nothing_is_told_as_a_wrong_endpoint(
    ask: Callable[[Store], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_FIRST_ANSWER", "1s")
    for name, value in (
        ("ACCESS_KEY_ID", "a"),
        ("SECRET_ACCESS_KEY", "b"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreError, match="did not answer in time"):
            ask(open_store("s3://bucket/photos"))
