"""What a reducer's helpers share: how to open an image, and where its failure is noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from mrimage.errors import ImageError, StoreError
from mrimage.guard.deadline import clock_stopped, deadline, fair
from mrimage.guard.failure import failure_of
from mrimage.guard.guard import Guard
from mrimage.image import Image
from mrimage.source import open_entry, read_ahead
from mrimage.storage import open_uri
from mrimage.types import Attempt, ByteSource, Entry, Failure, Fit, Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A wish for a small picture: ``entry`` is an Entry or a uri, the box is in pixels."""

    entry: Entry | str
    width: int
    height: int
    fit: Fit
    limits: Limits
    enlarge: bool = False


def draw_thumbnail(wish: Thumbnail, source: ByteSource | None = None) -> NDArray[np.uint8]:
    """The picture, H x W x 3, sRGB, decoded at the lowest scale that will do; ``source`` has the image's bytes where
    they have been read ahead."""
    if source is None:
        with clock_stopped():
            source = open_entry(_entry(wish.entry))
    return Image(fair(source), wish.limits).thumbnail(
        wish.width, wish.height, wish.fit, enlarge=wish.enlarge
    )


@dataclass
class Context:
    """One task's way to its images. ``failures`` collects those that could not be read or decoded."""

    limits: Limits = field(default_factory=Limits)
    attempt: Attempt = field(default_factory=Attempt)
    failures: dict[str, Failure] = field(default_factory=dict)
    _guard: Guard[Thumbnail, NDArray[np.uint8]] | None = None
    _ahead: ByteSource | None = None

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
            for _, self._ahead in read_ahead(entries(), whole=True):
                yield waiting.popleft()
        finally:
            self._ahead = None

    def thumbnail(
        self, entry: Entry | str, width: int, height: int, fit: Fit, *, enlarge: bool = False
    ) -> NDArray[np.uint8] | None:
        """A small picture of the image, or None when it failed; the failure is noted, the group goes on."""
        wish = Thumbnail(entry, width, height, fit, self.limits, enlarge)
        try:
            if self.attempt.careful:
                self._guard = self._guard or Guard(draw_thumbnail, self.limits)
                return self._guard(wish)
            with deadline(self.limits.deadline, self.attempt.expendable):
                return draw_thumbnail(
                    wish,
                    self._ahead if self._ahead and self._ahead.uri == _entry(entry).uri else None,
                )
        except (ImageError, StoreError, MemoryError) as error:
            uri = entry.uri if isinstance(entry, Entry) else entry
            self.failures[uri] = failure_of(uri, "reduce", error)
            return None

    def close(self) -> None:
        """End the guarded child, if there is one."""
        if self._guard:
            self._guard.close()


def _entry(image: Entry | str) -> Entry:
    return Entry(image, "", 0, "") if isinstance(image, str) else image


_current: ContextVar[Context] = ContextVar("context")


def current() -> Context:
    """The running task's context; outside a task a fresh one, so that helpers work in a notebook too."""
    return _current.get(None) or Context()


@contextmanager
def running(context: Context) -> Iterator[Context]:
    """Make ``context`` the current one for the block, and end what it started."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
        context.close()


def open_image(uri: str) -> Image:
    """The image behind ``uri``, for a reducer that looks at pixels itself."""
    return Image(open_uri(uri), current().limits)
