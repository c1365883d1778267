"""A task's way to the images that its reducers ask for: guarded, under the clock, and with a note of each failure."""

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
from mrimage.types import Attempt, ByteSource, Entry, Failure, Fit, Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")


@dataclass
class Context:
    """One task's images.

    ``failures`` collects those that could not be read or decoded, by uri. Of them, ``failed_in_pass`` has those that
    the user's reducer met since ``begin_pass``; their errors were raised to it, but nothing depends on whether it lets
    them through. ``guards_images`` is false in a map task, which guards each of its images as a whole.
    """

    limits: Limits = field(default_factory=Limits)
    attempt: Attempt = field(default_factory=Attempt)
    stores: StoreSettings = DEFAULT
    guards_images: bool = True
    failures: dict[str, Failure] = field(default_factory=dict)
    failed_in_pass: dict[str, Failure] = field(default_factory=dict)
    _known: dict[str, Failure] = field(default_factory=dict)
    _fatal: Exception | None = None
    _guard: Guard[ImageCall, Any] | None = None
    # One thread talks to the child, and lives as long: the kernel ends a child with the thread that started it.
    _line: ThreadPoolExecutor | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _ahead: ByteSource | None = None

    def begin_pass(self, known: dict[str, Failure]) -> None:
        """A reducer begins, or begins anew: images of ``known`` have failed in its group before, and fail at once."""
        self._known = known
        self.failed_in_pass = {}

    def end_pass(self) -> None:
        """Raise the error that must end this attempt, even where the user's code has caught it."""
        if self._fatal is not None:
            raise self._fatal

    def call(self, question: ImageCall, here: Callable[[], T]) -> T:
        """What the image answers: ``here``, under the clock, or from a guarded child.

        Raises ImageError, which is noted too, and StoreError.
        """
        uri = question.entry.uri
        if known := self._known.get(uri) or self.failed_in_pass.get(uri):
            self.failed_in_pass[uri] = known
            raise ImageError(known.reason, known.message)
        try:
            return self._answer(question, here)
        except (CarelessError, ImageError, StoreError) as error:
            failure = self._note(uri, error)
            self.failed_in_pass[uri] = failure
            raise ImageError(failure.reason, failure.message) from error

    def thumbnail(
        self, entry: Entry | str, width: int, height: int, fit: Fit, *, enlarge: bool = False
    ) -> NDArray[np.uint8] | None:
        """A small picture of the image, or None when it failed; the failure is noted, the group goes on."""
        entry = _entry(entry)
        question = method_call(
            entry, self.limits, self.stores, "thumbnail", width, height, fit, enlarge=enlarge
        )
        read = self._ahead if self._ahead and self._ahead.uri == entry.uri else None
        try:
            picture: NDArray[np.uint8] = self._answer(question, lambda: perform(question, read))
        except (CarelessError, ImageError, StoreError) as error:
            self._note(entry.uri, error)
            return None
        return picture

    def ahead(self, images: Iterable[T], entry_of: Callable[[T], Entry | str]) -> Iterator[T]:
        """The same ``images``, with the bytes of the next ones under way, for a loop that asks for ``thumbnail`` of
        each."""
        if self.attempt.careful:  # the guarded child reads for itself
            yield from images
            return
        waiting: deque[T] = deque()

        def entries() -> Iterator[Entry]:
            for image in images:
                waiting.append(image)
                yield _entry(entry_of(image))

        try:
            for _, source in read_ahead(entries(), True, self.stores):
                self._ahead = source
                yield waiting.popleft()
        finally:
            self._ahead = None

    def close(self) -> None:
        """End the guarded child, if there is one."""
        if self._line:
            self._line.shutdown()
        if self._guard:
            self._guard.close()

    def _answer(self, question: ImageCall, here: Callable[[], T]) -> T:
        # The clock works in the main thread only; elsewhere it is the child's.
        if not self.attempt.careful and threading.current_thread() is threading.main_thread():
            try:
                with deadline(self.limits.deadline, self.attempt.expendable):
                    return here()
            except MemoryError as error:
                raise CarelessError(
                    CARELESS
                ) from error  # the task itself may hold what the image was refused
        with self._starting:
            self._line = self._line or ThreadPoolExecutor(1, "mrimage-guard")
        result: T = self._line.submit(self._answer_guarded, question).result()
        return result

    def _answer_guarded(self, question: ImageCall) -> Any:
        self._guard = self._guard or Guard(perform, self.limits)
        return self._guard(question)

    def _note(self, uri: str, error: Exception) -> Failure:
        """Note that the image failed. An error that is not the image's is raised, now and at the end of the pass."""
        try:
            failure = failure_of(uri, "reduce", error)
        except Exception as fatal:
            self._fatal = fatal
            raise
        self.failures[uri] = failure
        return failure


def _entry(image: Entry | str) -> Entry:
    return Entry(image, "", 0, "") if isinstance(image, str) else image


_current: ContextVar[Context] = ContextVar("context")

_running: list[Context] = []
"""Contexts of the tasks that run in this process, seldom more than one."""


def _task_context() -> Context | None:
    """The running task's context. Threads that the user's reducer has started do not inherit it, and take the only one
    there is."""
    found = _current.get(None)
    if (
        found is None
        and len(_running) == 1
        and threading.current_thread() is not threading.main_thread()
    ):
        return _running[0]
    return found


def current() -> Context:
    """The running task's context; outside a task a fresh one, so that helpers work in a notebook too."""
    return _task_context() or Context()


@contextmanager
def running(context: Context) -> Iterator[Context]:
    """Make ``context`` the current one for the block, and end what it started."""
    token = _current.set(context)
    _running.append(context)
    try:
        yield context
    finally:
        _running.remove(context)
        _current.reset(token)
        context.close()


def open_image(uri: str | os.PathLike[str]) -> Image:
    """The image behind ``uri``, for a reducer that looks at pixels itself.

    In a reducer, an image that cannot be read or decoded, or that crashes, hangs or eats memory, is quarantined,
    and the reducer is called again for its group, without the values of that image.
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
