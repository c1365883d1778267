"""An image's deadline: a clock that no code can block, and that stops while a store is read."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.types import ByteSource


class deadline:
    """A context manager that gives each block ``seconds``; blocks follow each other, not nested.

    When the time is over, the kernel ends an ``expendable`` process. In other processes, Python
    code is interrupted by ImageError ``timed-out``; foreign code that never returns to Python is
    not. Outside the main thread there is no deadline, because signals arrive only there.
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float, expendable: bool) -> None:
        self._seconds = seconds if threading.current_thread() is threading.main_thread() else 0.0
        if self._seconds:
            signal.signal(signal.SIGALRM, signal.SIG_DFL if expendable else _raise_timed_out)

    def __enter__(self) -> None:
        if self._seconds:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        if self._seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _raise_timed_out(*_: object) -> None:
    raise timed_out()


def timed_out() -> ImageError:
    """The error of an image that took too long."""
    return ImageError("timed-out", "The image took longer than --deadline.")


class UntimedSource:
    """A remote source whose reads do not count against the deadline.

    A store has timeouts and retries of its own, and the image is not to blame for them.
    """

    __slots__ = ("_source",)

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    @property
    def uri(self) -> str:
        return self._source.uri

    @property
    def size(self) -> int:
        with clock_stopped():
            return self._source.size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        with clock_stopped():
            return self._source.read(start, length)


def without_clock(source: ByteSource) -> ByteSource:
    """Return ``source``, wrapped if it is remote so that its reads stop the clock."""
    is_remote = "://" in source.uri and not source.uri.startswith("file:")
    if is_remote:
        return UntimedSource(source)
    return source


@contextmanager
def clock_stopped() -> Iterator[None]:
    """Stop the clock of the current deadline, if there is one, during the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)
