"""What a run borrows of the process that it runs in, and gives back: signal handlers, the timer,
standard output."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that a run, an engine or a library that it uses may take for itself."""


@contextmanager
def restored_signals() -> Iterator[None]:
    """After the block, signals are handled as before it, and a timer that was running goes on."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers, so no run in this one does
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    started = time.monotonic()
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if (
                handler is not None and signal.getsignal(number) != handler
            ):  # None: not set by Python
                signal.signal(number, handler)
        if left:
            # An alarm that came due meanwhile rings now, and not never: 0 would switch the timer off.
            rest = max(left - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)


class _Prints:
    """Standard output while runs are in progress in this process, in one thread or in several."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._before: TextIO = sys.stdout

    @contextmanager
    def on_stderr(self) -> Iterator[None]:
        with self._lock:
            if not self._runs:
                self._before, sys.stdout = sys.stdout, sys.stderr
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if not self._runs:
                    sys.stdout = self._before


_prints = _Prints()


def prints_to_stderr() -> AbstractContextManager[None]:
    """A block in which ``print`` writes to standard error: what the user's functions say is not
    the program's answer."""
    return _prints.on_stderr()


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """The same for everything that this process and its children write to standard output,
    libraries in C too.

    For the command line: its standard output is for its answer alone.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with prints_to_stderr():
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what libraries in C still hold of their own output
        os.dup2(kept, 1)
        os.close(kept)
