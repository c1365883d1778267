"""The process-wide state that a run changes and restores: signal handlers, the timer and standard
output."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals for which a run, an engine or a library may set handlers."""


@contextmanager
def restored_signals() -> Iterator[None]:
    """Restore the signal handlers after the block, and let a timer that was running continue."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread can set handlers, so a run in this thread sets none.
        yield
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    started = time.monotonic()
    try:
        yield
    finally:
        _restore_handlers(handlers)
        if remaining:
            # If the alarm came due meanwhile, ring at once: setitimer(0) would cancel it.
            rest = max(remaining - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)


def _restore_handlers(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        # getsignal returns None for a handler that was not set from Python, and signal cannot
        # set that one again.
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


class _PrintRedirection:
    """Sends ``print`` to standard error while any run is in progress, in one thread or in
    several."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._before: TextIO = sys.stdout

    @contextmanager
    def to_stderr(self) -> Iterator[None]:
        with self._lock:
            if not self._runs:
                self._before = sys.stdout
                sys.stdout = sys.stderr
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if not self._runs:
                    sys.stdout = self._before


_print_redirection = _PrintRedirection()


def prints_to_stderr() -> AbstractContextManager[None]:
    """Return a context manager in which ``print`` writes to standard error. Standard output is for
    the results of the program that calls mrimage, not for prints of the job's functions."""
    return _print_redirection.to_stderr()


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that this process and its children write to standard output to standard
    error, including the output of libraries in C.

    The command line needs this, since its standard output is for results only.
    """
    sys.stdout.flush()
    original = os.dup(1)
    os.dup2(2, 1)
    try:
        with prints_to_stderr():
            yield
    finally:
        # Libraries in C buffer their output. Flush it before descriptor 1 is restored.
        ctypes.CDLL(None).fflush(None)
        os.dup2(original, 1)
        os.close(original)
