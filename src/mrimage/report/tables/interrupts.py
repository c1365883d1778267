"""Signals that arrive while DuckDB runs a query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Turn DuckDB's error for an interrupted query back into KeyboardInterrupt.

    When a signal handler raises KeyboardInterrupt during a query, DuckDB 1.x replaces it with
    ``RuntimeError: Query interrupted``.
    """
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise
