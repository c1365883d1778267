"""Retries: one policy for every remote store.

A transient error is retried after a random part of a wait that doubles each time (full jitter),
until a budget of seconds is used up. The budget is short until the store has responded for the
first time, so that a wrong address is reported soon. Afterwards it is longer, so that restarting
a server does not end a run. If a store says how long to wait, that wait is used.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from mrimage.errors import StoreError, UsageError

T = TypeVar("T")

FIRST_BUDGET = 6.0
"""Seconds of retries for a store that has not responded yet."""

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0

_lock = threading.Lock()
_count = 0


def retry_count() -> int:
    """How many retries this process has made so far, over all stores.

    A task reports the difference between its end and its start.
    """
    return _count


def retry_budget() -> float:
    """Seconds of retries for a store that has responded before (MRIMAGE_RETRY_SECONDS).

    The default, 45, is less than the default deadline of an image: an unreachable store is not
    the image's fault.
    """
    return seconds_from("MRIMAGE_RETRY_SECONDS", 45.0)


def seconds_from(variable: str, default: float) -> float:
    """The number of seconds in the environment variable ``variable``, at least 0.

    Raises UsageError for any other value.
    """
    text = os.environ.get(variable, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if value < 0:
        raise UsageError(f'{variable} must be a number of seconds, but got "{text}".')
    return value


class Retry:
    """The retry policy of one store, shared by its threads.

    ``contacted`` becomes True with the store's first response.
    """

    def __init__(self) -> None:
        self.contacted = False

    def __call__(self, action: Callable[[], T]) -> T:
        """Return the result of ``action``.

        A transient StoreError is retried within the budget, then raised.
        """
        started = time.monotonic()
        wait = FIRST_WAIT
        while True:
            try:
                result = action()
                self.contacted = True
                return result
            except StoreError as error:
                if not error.transient:
                    self.contacted = True
                    raise
                pause = max(random.uniform(0, wait), error.after)
                budget = retry_budget() if error.after else self.budget(started)
                elapsed = time.monotonic() - started
                if elapsed + pause > budget:
                    raise
            _count_retry()
            time.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)

    def budget(self, started: float) -> float:
        """Seconds of retries for an action first tried at ``started``, on the monotonic clock."""
        return retry_budget() if self.contacted else min(retry_budget(), FIRST_BUDGET)


def _count_retry() -> None:
    global _count
    with _lock:
        _count += 1
