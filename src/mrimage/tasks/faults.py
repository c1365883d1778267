"""Bugs of our own: a few images may meet one before the run stops."""

from __future__ import annotations

from collections.abc import Iterable

import mrimage
from mrimage.errors import InternalError
from mrimage.types import Failure

MOST_FAULTS = 3
"""Images with the reason ``internal`` at which a run stops. A bug that one image meets may be rare;
one that three images meet is not."""


class Faults:
    """Counts the images of a task that met a bug of ours."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def note(self, failure: Failure) -> None:
        """Count the failure if it is due to a bug. Raises InternalError at MOST_FAULTS of them."""
        if failure.reason == "internal":
            self._failures.append(failure)
            if len(self._failures) >= MOST_FAULTS:
                raise fault_of_ours(self._failures, len(self._failures))


def fault_of_ours(examples: Iterable[Failure], count: int) -> InternalError:
    """The error that ends a run in which ``count`` images met a bug of ours.

    It names the first of ``examples``.
    """
    first = next(iter(examples))
    more = f", and on {count - 1} more" if count > 1 else ""
    return InternalError(
        f"mrimage {mrimage.__version__} has a bug: it failed on {first.uri}{more}, "
        f"because of {first.message}. Please report it with this line. "
        "What is done is kept; --exclude leaves such images out."
    )
