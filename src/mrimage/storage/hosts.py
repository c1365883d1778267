"""Web hosts: how many requests each one gets at a time, how long it is retried, and whether a
failure is its own fault or the network's.

A list of urls names thousands of hosts. Some are dead, and some answer certain urls with errors
forever: those cost their own images and nothing else. Only if no host responds any longer is the
network to blame, and the task should be retried.
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
"""Seconds during which a host that has never responded is not tried again."""

_NEVER = float("-inf")

_hosts: dict[str, Host] = {}
_lock = threading.Lock()
_last_response = _NEVER
"""When any host last responded, on the monotonic clock."""


def host_of(name: str) -> Host:
    """The Host for ``name`` (host and port), one object per process."""
    with _lock:
        if name not in _hosts:
            _hosts[name] = Host(name, _requests_per_host())
        return _hosts[name]


class Host(Retry):
    """The retry policy of one host. ``limit`` bounds its concurrent requests."""

    def __init__(self, name: str, requests: int) -> None:
        super().__init__()
        self.limit = threading.Semaphore(requests)
        self._name = name
        # Times on the monotonic clock: when the host last responded, refused a connection,
        # completed a request, and was found to be dead.
        self._responded = _NEVER
        self._refused = _NEVER
        self._succeeded = _NEVER
        self._died = _NEVER
        self._reason = ""

    def note_response(self) -> None:
        """Record that the host responded, whatever the status."""
        global _last_response
        now = time.monotonic()
        self._responded = now
        _last_response = now

    def note_failure(self, error: Exception) -> None:
        """Record a failure to connect.

        A refused connection, or a resolver that does not know the name, proves that the network
        itself works.
        """
        # httpcore's connection pool drops the cause, but keeps the context.
        cause = error.__context__
        is_unknown_name = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
        if is_unknown_name or isinstance(cause, (ConnectionRefusedError, UnicodeError)):
            self._refused = time.monotonic()

    def __call__(self, action: Callable[[], T]) -> T:
        """Return the result of ``action``, retrying it.

        The final StoreError is transient only if the network may be to blame, or if the host was
        there a moment ago: that is, if nobody responds any longer.
        """
        started = time.monotonic()
        if started - self._died < DEAD:
            raise StoreError(
                f"Cannot read from {self._name}, which failed a moment ago: {self._reason}"
            )
        try:
            result = super().__call__(action)
        except StoreError as error:
            now = time.monotonic()
            # A request in flight when a server died may still have been answered, so only the
            # second half of the attempt counts.
            middle = (started + now) / 2
            nobody_responds = _last_response < middle
            may_be_network = nobody_responds and (self.contacted or self._refused < middle)
            if not error.transient or may_be_network:
                raise
            if not self.contacted and self._responded < middle:
                self._died = now
                self._reason = str(error).rpartition(": ")[2]
            raise StoreError(str(error)) from None
        self._succeeded = time.monotonic()
        self._died = _NEVER
        return result

    def budget(self, started: float) -> float:
        """Seconds for retries. A host that serves other urls meanwhile objects to this url alone,
        which gets a short budget."""
        full_budget = super().budget(started)
        if self._succeeded > started:
            return min(full_budget, FIRST_BUDGET)
        return full_budget


def _requests_per_host() -> int:
    text = os.environ.get("MRIMAGE_HTTP_PER_HOST", "8")
    if not text.isascii() or not text.isdigit() or text == "0":
        raise UsageError(f'MRIMAGE_HTTP_PER_HOST must be a whole number above 0, but got "{text}".')
    return int(text)
