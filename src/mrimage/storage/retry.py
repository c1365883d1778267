"""Trying again: one policy for every remote store.

A transient error is tried again after a random part of a wait that doubles (full jitter), until the budget of seconds
is used up: a short one until the store has answered for the first time, so that a wrong address is told at once, and a
longer one afterwards, so that a server that is restarted does not end a run. A store that says when to come again is
taken at its word.
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
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0

_lock = threading.Lock()
_count = 0


def retry_count() -> int:
    """How many tries this process has repeated so far, over all stores; a task reports the difference."""
    return _count


def retry_budget() -> float:
    """Seconds for which a store that has answered before is tried again: MRIMAGE_RETRY_SECONDS, by default 45, which is less
    than an image has by default: a store that is away is no fault of the image."""
    return seconds_from("MRIMAGE_RETRY_SECONDS", 45.0)


def seconds_from(variable: str, default: float) -> float:
    """The seconds in the environment's ``variable``."""
    text = os.environ.get(variable, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if value < 0:
        raise UsageError(f'Expected {variable} as a number of seconds, but received "{text}".')
    return value


class Retry:
    """The policy of one store; shared by its threads."""

    def __init__(self) -> None:
        self.contacted = False

    def __call__(self, action: Callable[[], T]) -> T:
        """What ``action`` returns; a transient StoreError is tried again within the budget, then raised."""
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
                if time.monotonic() - started + pause > budget:
                    raise
            _note()
            time.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)

    def budget(self, started: float) -> float:
        """Seconds for what was first tried at ``started``, on the monotonic clock."""
        return retry_budget() if self.contacted else min(retry_budget(), FIRST_BUDGET)


def _note() -> None:
    global _count
    with _lock:
        _count += 1
