"""Signals while DuckDB is at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Raise KeyboardInterrupt where DuckDB (1.x) makes ``RuntimeError: Query interrupted`` of the KeyboardInterrupt that the handler
    of a signal raised during a query."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise
