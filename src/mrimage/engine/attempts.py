"""When and how a task is retried: the same rules for every engine that does its own retrying."""

from __future__ import annotations

import random
from dataclasses import replace

from mrimage.errors import CarelessError, EngineError, JobError, StoreError
from mrimage.types import Attempt

FIRST_DELAY = 0.5
"""Seconds before the first retry after a transient storage error; doubled for each one after it."""

LONGEST_DELAY = 30.0
"""Seconds before a retry at most, not counting the jitter."""


def after_failure(
    attempt: Attempt, error: Exception, task: str, retries: int
) -> tuple[Attempt, float]:
    """Return the next attempt and the seconds to wait before it.

    Raises the error that ends the run if there is no next attempt. Transient storage errors are
    retried with exponential backoff and jitter. Lasting ones, and errors of the job itself, are
    final.
    """
    if isinstance(error, JobError):
        raise error
    if isinstance(error, StoreError) and not error.transient:
        raise error
    if isinstance(error, CarelessError):
        return _careful_attempt(attempt, str(error), task, retries), 0.0
    following = _next_attempt(attempt, f"{type(error).__name__}: {error}", task, retries)
    if not isinstance(error, StoreError):
        return following, 0.0
    backoff = FIRST_DELAY * 2 ** (attempt.number - 1)
    # The jitter keeps tasks that failed together from coming back together.
    return following, min(LONGEST_DELAY, backoff) * random.uniform(0.5, 1.5)


def after_death(attempt: Attempt, how: str, task: str, retries: int) -> Attempt:
    """Return the careful attempt that follows one whose process died.

    The first careful attempt is always allowed, because it finds the image that ended the process.
    """
    return _careful_attempt(attempt, f"its process {how}", task, retries)


def _careful_attempt(attempt: Attempt, reason: str, task: str, retries: int) -> Attempt:
    allowed = retries
    if not attempt.careful:
        allowed = max(retries, attempt.number)
    return replace(_next_attempt(attempt, reason, task, allowed), careful=True)


def _next_attempt(attempt: Attempt, reason: str, task: str, retries: int) -> Attempt:
    if attempt.number > retries:
        raise EngineError(
            f"Task {task} failed {attempt.number} times, "
            f"the last time because {reason.rstrip('.')}. "
            "What is done is kept; run the same command again to continue, or raise --retries."
        )
    return replace(
        attempt,
        number=attempt.number + 1,
        speculative=False,
        errors=(*attempt.errors, reason),
    )
