"""A task's access to the images that its reducers open.

Each call on an image is guarded and under the clock, and each failure is noted.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mrimage.errors import CarelessError, ImageError, StoreError
from mrimage.guard.deadline import deadline
from mrimage.guard.failure import CARELESS, failure_of
from mrimage.guard.guard import Guard
from mrimage.image import Image
from mrimage.job.job import absolute
from mrimage.reducers.image_call import ImageCall, method_call, perform
from mrimage.reducers.task_image import TaskImage
from mrimage.source import read_ahead
from mrimage.storage import open_uri
from mrimage.storage.names import scheme
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.types import Attempt, ByteSource, Entry, Failure, Fit, Limits, Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")


@dataclass
class Context:
    """The images of one task.

    ``failures`` holds the images that could not be read or decoded, by uri. ``failed_in_pass``
    holds those that the user's reducer met since ``begin_pass``. Their errors were raised to the
    reducer, but nothing depends on whether it catches them. ``guards_images`` is false in a map
    task, which guards each of its images as a whole. ``stage`` is what a failure is noted under.
    """

    limits: Limits = field(default_factory=Limits)
    attempt: Attempt = field(default_factory=Attempt)
    stores: StoreSettings = DEFAULT
    guards_images: bool = True
    stage: Stage = "reduce"
    failures: dict[str, Failure] = field(default_factory=dict)
    failed_in_pass: dict[str, Failure] = field(default_factory=dict)
    _known: dict[str, Failure] = field(default_factory=dict)
    _fatal: Exception | None = None
    _guard: Guard[ImageCall, Any] | None = None
    # The only thread that talks to the child, and that lives as long: the kernel ends a child
    # together with the thread that started it.
    _guard_thread: ThreadPoolExecutor | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _read_ahead: ByteSource | None = None

    def begin_pass(self, known: dict[str, Failure]) -> None:
        """Begin one pass of a reducer over its group.

        The images in ``known`` have failed in this group before, and fail again at once.
        """
        self._known = known
        self.failed_in_pass = {}

    def end_pass(self) -> None:
        """Raise the error that must end this attempt, even if the user's code has caught it."""
        if self._fatal is not None:
            raise self._fatal

    def call(self, call: ImageCall, make_here: Callable[[], T]) -> T:
        """Make a call on an image: by ``make_here`` under the clock, or in a guarded child.

        Raises ImageError, which is also noted, and StoreError.
        """
        uri = call.entry.uri
        known = self._known.get(uri) or self.failed_in_pass.get(uri)
        if known:
            self.failed_in_pass[uri] = known
            raise ImageError(known.reason, known.message)
        try:
            return self._perform(call, make_here)
        except (CarelessError, ImageError, StoreError) as error:
            failure = self._note(uri, error)
            self.failed_in_pass[uri] = failure
            raise ImageError(failure.reason, failure.message) from error

    def thumbnail(
        self, entry: Entry | str, width: int, height: int, fit: Fit, *, enlarge: bool = False
    ) -> NDArray[np.uint8] | None:
        """Return a small picture of the image (uint8, H x W x 3, sRGB), or None if it fails.

        A failure is noted, and the group goes on.
        """
        entry = _to_entry(entry)
        call = method_call(
            entry, self.limits, self.stores, "thumbnail", width, height, fit, enlarge=enlarge
        )
        source = None
        if self._read_ahead and self._read_ahead.uri == entry.uri:
            source = self._read_ahead
        try:
            picture: NDArray[np.uint8] = self._perform(call, lambda: perform(call, source))
        except (CarelessError, ImageError, StoreError) as error:
            self._note(entry.uri, error)
            return None
        return picture

    def ahead(self, images: Iterable[T], entry_of: Callable[[T], Entry | str]) -> Iterator[T]:
        """Yield ``images`` while the bytes of the next ones are read in the background.

        This is for a loop that calls ``thumbnail`` on each.
        """
        if self.attempt.careful:  # the guarded child does its own reading
            yield from images
            return
        waiting: deque[T] = deque()

        def entries() -> Iterator[Entry]:
            for image in images:
                waiting.append(image)
                yield _to_entry(entry_of(image))

        try:
            for _, source in read_ahead(entries(), True, self.stores):
                self._read_ahead = source
                yield waiting.popleft()
        finally:
            self._read_ahead = None

    def close(self) -> None:
        """End the guarded child, if there is one."""
        if self._guard_thread:
            self._guard_thread.shutdown()
        if self._guard:
            self._guard.close()

    def _perform(self, call: ImageCall, make_here: Callable[[], T]) -> T:
        # The clock works only in the main thread; for other threads it runs in the child.
        is_main_thread = threading.current_thread() is threading.main_thread()
        if is_main_thread and not self.attempt.careful:
            try:
                with deadline(self.limits.deadline, self.attempt.expendable):
                    return make_here()
            except MemoryError as error:
                # The task itself may hold the memory that the image was refused.
                raise CarelessError(CARELESS) from error
        with self._starting:
            if self._guard_thread is None:
                self._guard_thread = ThreadPoolExecutor(1, "mrimage-guard")
        result: T = self._guard_thread.submit(self._perform_guarded, call).result()
        return result

    def _perform_guarded(self, call: ImageCall) -> Any:
        if self._guard is None:
            self._guard = Guard(perform, self.limits)
        return self._guard(call)

    def _note(self, uri: str, error: Exception) -> Failure:
        """Note that the image failed.

        An error that is not the image's fault is raised, now and again at the end of the pass.
        """
        try:
            failure = failure_of(uri, self.stage, error)
        except Exception as fatal:
            self._fatal = fatal
            raise
        self.failures[uri] = failure
        return failure


def _to_entry(image: Entry | str) -> Entry:
    if isinstance(image, str):
        return Entry(image, "", 0, "")
    return image


_current: ContextVar[Context] = ContextVar("context")

_running: list[Context] = []
"""The contexts of the tasks that run in this process, seldom more than one."""


def _task_context() -> Context | None:
    """The running task's context, or None outside a task."""
    found = _current.get(None)
    if found is not None:
        return found
    # Threads that the user's reducer starts do not inherit the context variable. If only one task
    # runs here, they belong to it.
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread and len(_running) == 1:
        return _running[0]
    return None


def current() -> Context:
    """The running task's context; outside a task, such as in a notebook, a new one."""
    return _task_context() or Context(stores=DEFAULT)


@contextmanager
def running(context: Context) -> Iterator[Context]:
    """Make ``context`` the current one during the block; close it at the end."""
    token = _current.set(context)
    _running.append(context)
    try:
        yield context
    finally:
        _running.remove(context)
        _current.reset(token)
        context.close()


def open_image(uri: str | os.PathLike[str]) -> Image:
    """Open the image behind ``uri``, for a reducer that looks at pixels itself.

    In a reducer, an image that cannot be read or decoded, or that crashes, hangs or uses too much
    memory, is quarantined. The reducer is then called again for its group, without the values of
    that image.
    """
    uri = os.fspath(uri)
    if scheme(uri) == "file" and not uri.startswith("/"):
        uri = absolute(uri)
    context = _task_context()
    if context is None:
        return Image(open_uri(uri, DEFAULT))
    if not context.guards_images:
        return Image(open_uri(uri, context.stores), context.limits)
    return TaskImage(Entry(uri, "", 0, ""), context.limits, context.stores, context.call)
