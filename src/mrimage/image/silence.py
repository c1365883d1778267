"""Libraries that print their complaints to the terminal, kept from it: what they mean is in the image's error already."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


class _Silence:
    """Standard error of the process, sent nowhere while at least one thread wants that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._real = -1

    def begin(self) -> None:
        with self._lock:
            if self._wanted == 0:
                self._real = os.dup(_STDERR)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, _STDERR)
                os.close(nowhere)
            self._wanted += 1

    def end(self) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted == 0:
                os.dup2(self._real, _STDERR)
                os.close(self._real)


_SILENCE = _Silence()


@contextmanager
def silent() -> Iterator[None]:
    """Nothing reaches standard error inside. For the call into a library that cannot be asked to be quiet: LibRaw in
    rawpy, and libtiff in Pillow, write to the file descriptor and not to ``sys.stderr``."""
    try:
        _SILENCE.begin()
    except OSError:  # The process has no standard error that could be disturbed.
        yield
        return
    try:
        yield
    finally:
        _SILENCE.end()
