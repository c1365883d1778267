"""When a task is tried again, and how: the same rules for every engine that does its own retrying."""

from __future__ import annotations

import random
from dataclasses import replace

from mrimage.errors import EngineError, JobError, StoreError
from mrimage.types import Attempt

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds before a retry after a transient storage error; doubled each time."""


def after_failure(
    attempt: Attempt, error: Exception, task: str, retries: int
) -> tuple[Attempt, float]:
    """The next attempt and the seconds to wait before it. Raises when there is to be none.

    A storage error that may pass is retried with exponential backoff and jitter; one that will not, and an
    error of the job itself, are final.
    """
    if isinstance(error, JobError) or (isinstance(error, StoreError) and not error.transient):
        raise error
    told = f"{type(error).__name__}: {error}"
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt.number - 1)) * random.uniform(0.5, 1.5)
    return _next(attempt, told, task, retries), delay if isinstance(error, StoreError) else 0.0


def after_death(attempt: Attempt, how: str, task: str, retries: int) -> Attempt:
    """The next attempt after one that took its process down: a careful one. The first such is always allowed,
    because it finds the image that did it."""
    allowed = retries if attempt.careful else max(retries, attempt.number)
    return replace(_next(attempt, f"its process {how}", task, allowed), careful=True)


def _next(attempt: Attempt, told: str, task: str, retries: int) -> Attempt:
    if attempt.number > retries:
        raise EngineError(
            f"Task {task} failed {attempt.number} times, the last time because {told.rstrip('.')}. "
            "What is done is kept; run the same command again to continue, or raise --retries."
        )
    return replace(
        attempt, number=attempt.number + 1, speculative=False, errors=(*attempt.errors, told)
    )
