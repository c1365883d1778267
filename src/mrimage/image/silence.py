"""Silence for libraries that print their complaints to the terminal.

The image's error already reports what they complain about.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


class _Silence:
    """Discards the standard error of the process while at least one thread asked for silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._stderr = -1

    def begin(self) -> None:
        with self._lock:
            if self._threads == 0:
                self._stderr = os.dup(_STDERR)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, _STDERR)
                os.close(null)
            self._threads += 1

    def end(self) -> None:
        with self._lock:
            self._threads -= 1
            if self._threads == 0:
                os.dup2(self._stderr, _STDERR)
                os.close(self._stderr)


_SILENCE = _Silence()


@contextmanager
def silent() -> Iterator[None]:
    """Discard what is written to standard error inside the ``with`` block.

    For calls into a library that has no option to be quiet. LibRaw in rawpy and libtiff in Pillow
    write to the file descriptor and not to ``sys.stderr``.
    """
    try:
        _SILENCE.begin()
    except OSError:
        # The process has no standard error, so there is nothing to silence.
        yield
        return
    try:
        yield
    finally:
        _SILENCE.end()
