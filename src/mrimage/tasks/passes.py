"""Calls the user's function on a group or a record, repeated without the images that fail there."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import IO, Generic, Protocol, TypeVar

from mrimage.errors import ImageError, JobError
from mrimage.reducers.context import Context
from mrimage.shuffle.replay import IN_MEMORY
from mrimage.storage.local import system_errors
from mrimage.types import Failure

OVERHEAD = 500
"""Bytes that an item occupies besides its data, roughly."""


class HasData(Protocol):
    """A record or an output."""

    @property
    def data(self) -> bytes: ...


T = TypeVar("T", bound=HasData)


def run_passes(
    context: Context,
    sources: tuple[str, ...],
    lacks: Callable[[], str],
    make: Callable[[set[str]], Iterable[T]],
) -> Iterator[T]:
    """Yield what ``make(failed)`` makes without the images ``failed``, which are none at first.

    If images that it opens fail, they are noted in ``context``, what it made is dropped, and it is
    called again without them. Which images are left out depends only on what this ``make`` reads,
    so the result is the same however the work is divided into tasks. ``lacks`` says, for the
    quarantine, what is not made if an image makes the function fail for good.

    Raises JobError if the function fails.
    """
    failed: dict[str, Failure] = {}
    while True:
        context.begin_pass(failed)
        pending: _Pending[T] = _Pending()
        error: JobError | None = None
        try:
            try:
                for item in make(set(failed)):
                    pending.add(item)
            except JobError as raised:
                error = raised
            context.end_pass()
            # No other image has failed, so another pass would give the same.
            if context.failed_in_pass.keys() <= failed.keys():
                if error is None:
                    yield from pending.read()
                else:
                    _give_up(context, sources, lacks(), error)
                return
        finally:
            pending.close()
        failed |= context.failed_in_pass


class _Pending(Generic[T]):
    """What a pass has made, which may still be dropped; if it is large, it waits on disk."""

    __slots__ = ("_bytes", "_file", "_held")

    def __init__(self) -> None:
        self._held: list[T] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def add(self, item: T) -> None:
        self._held.append(item)
        self._bytes += len(item.data) + OVERHEAD
        if self._bytes > IN_MEMORY:
            with system_errors(tempfile.gettempdir()):
                self._spill()

    def _spill(self) -> None:
        if self._file is None:
            # ``close`` closes it.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        for item in self._held:
            pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)
        self._held = []
        self._bytes = 0

    def read(self) -> Iterator[T]:
        if self._file is not None:
            self._file.seek(0)
            yield from _unpickled(self._file)
        yield from self._held

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _unpickled(file: IO[bytes]) -> Iterator[T]:
    while True:
        try:
            item: T = pickle.load(file)  # written by this very process
        except EOFError:
            return
        yield item


def _give_up(context: Context, sources: tuple[str, ...], lacks: str, error: JobError) -> None:
    """Go on without what the function makes, if an image is to blame for ``error``.

    This is so if the function opens a failed image again, although no value names it, and does not
    catch the image's error. An image must not end a run, so its quarantine row says what happened.

    Raises ``error`` if it is the function's own. Raises JobError if the image is not in the source,
    because then it has no quarantine row.
    """
    if not isinstance(error.__cause__, ImageError) or not context.failed_in_pass:
        raise error
    failure = next(reversed(context.failed_in_pass.values()))
    if not failure.uri.startswith(sources):
        raise JobError(
            f"{error} The image {failure.uri} is outside the source and cannot be read "
            f"({failure.reason}): repair it, or catch mrimage.ImageError in the reducer."
        ) from error
    context.failures[failure.uri] = replace(failure, message=f"{failure.message} {lacks}")
