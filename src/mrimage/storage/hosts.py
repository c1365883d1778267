"""Hosts of the web: how many requests each has under way, how long it is asked again, and whose fault a failure is.

A list names thousands of hosts, of which some are dead and some answer certain urls with errors for ever. Those cost
their own images and no more. Only where nobody answers any longer is it the network, and the task is to be tried again.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from mrimage.errors import StoreError, UsageError
from mrimage.storage.retry import FIRST_BUDGET, Retry

T = TypeVar("T")

DEAD = 30.0
"""Seconds for which a host that has never answered is not asked again."""

_NEVER = float("-inf")

_hosts: dict[str, Host] = {}
_lock = threading.Lock()
_heard = _NEVER
"""When any host has last answered anything."""


def host_of(name: str) -> Host:
    """The host and port ``name``, as this process knows it."""
    with _lock:
        if name not in _hosts:
            _hosts[name] = Host(name, _requests())
        return _hosts[name]


class Host(Retry):
    """The retry policy of one host; ``limit`` bounds the requests that are under way there."""

    def __init__(self, name: str, requests: int) -> None:
        super().__init__()
        self.limit = threading.Semaphore(requests)
        self._name = name
        self._heard = self._refused = self._served = self._dead = _NEVER
        self._reason = ""

    def hear(self) -> None:
        """Note that there was an answer, whatever it said."""
        global _heard
        _heard = self._heard = time.monotonic()

    def note(self, error: Exception) -> None:
        """Note a failure to connect: a refusal, or word that the name does not exist, shows that the network works."""
        cause = error.__context__  # the cause is lost on the way through the pool of connections
        unknown = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
        if unknown or isinstance(cause, (ConnectionRefusedError, UnicodeError)):
            self._refused = time.monotonic()

    def __call__(self, action: Callable[[], T]) -> T:
        """What ``action`` returns. In the end a StoreError is transient only where it may be the network, or a server
        that was there a moment ago: where nobody answers any longer."""
        started = time.monotonic()
        if started - self._dead < DEAD:
            raise StoreError(
                f"Cannot read from {self._name}, which has just been asked: {self._reason}"
            )
        try:
            result = super().__call__(action)
        except StoreError as error:
            now = time.monotonic()
            lately = (
                started + now
            ) / 2  # what was under way when a server went away may still have been answered
            if not error.transient or (
                _heard < lately and (self.contacted or self._refused < lately)
            ):
                raise
            if not self.contacted and self._heard < lately:
                self._dead, self._reason = now, str(error).rpartition(": ")[2]
            raise StoreError(str(error)) from None
        self._served, self._dead = time.monotonic(), _NEVER
        return result

    def budget(self, started: float) -> float:
        """A host that serves others meanwhile has something against this url alone, which is soon given up."""
        whole = super().budget(started)
        return min(whole, FIRST_BUDGET) if self._served > started else whole


def _requests() -> int:
    text = os.environ.get("MRIMAGE_HTTP_PER_HOST", "8")
    if not text.isascii() or not text.isdigit() or text == "0":
        raise UsageError(
            f'Expected MRIMAGE_HTTP_PER_HOST as a whole number above 0, but received "{text}".'
        )
    return int(text)
