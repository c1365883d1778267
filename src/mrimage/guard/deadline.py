"""The deadline of an image: a clock that no code can block, stopped while a store is waited for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.types import ByteSource


class deadline:
    """Give each block that it guards ``seconds``; one after the other, not nested.

    In an ``expendable`` process the kernel ends the process when they are over. Elsewhere Python code is
    interrupted by ImageError ``timed-out``; foreign code that never returns to Python is not, and outside the
    main thread there is no deadline.
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
    return ImageError("timed-out", "The image took longer than --deadline.")


class UntimedSource:
    """A remote source whose reads do not count against the deadline: a store has time limits and retries of its
    own, and an image is not to blame for it."""

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
    """``source``, such that waiting for a remote store is not held against the image."""
    is_remote = "://" in source.uri and not source.uri.startswith("file:")
    return UntimedSource(source) if is_remote else source


@contextmanager
def clock_stopped() -> Iterator[None]:
    """Stop the clock of the deadline that is running, if there is one, for the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)
