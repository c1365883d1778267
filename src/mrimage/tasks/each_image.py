"""The loop of every task that handles the images of a split one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from mrimage.errors import CarelessError, ImageError
from mrimage.guard.deadline import clock_stopped, deadline, without_clock
from mrimage.guard.failure import CARELESS, failure_of
from mrimage.guard.guard import Guard
from mrimage.job.job import Job, Plan
from mrimage.reducers.context import Context, running
from mrimage.source import open_entry, read_ahead
from mrimage.types import Attempt, ByteSource, Entry, Failure, Stage


class HasFailure(Protocol):
    """What became of one image."""

    @property
    def failure(self) -> Failure | None: ...


Opened = tuple[Entry, ByteSource]
"""An image, and its bytes."""

Item = TypeVar("Item")
Result = TypeVar("Result", bound=HasFailure)


@dataclass(frozen=True)
class ImageWork(Generic[Item, Result]):
    """What a task does with each of its images.

    ``entry_of`` returns the image that an item is about. ``begin(plan)`` returns the function that
    handles one, and that a guarded child can make again. ``failed`` makes the result for an image
    that killed its guarded child. ``whole`` says that all bytes of each image will be read, and
    ``has_own_code`` that code of the job's own runs. ``prepared`` passes on the images that were
    opened, after what the job computes of several at a time; a guarded child does without.
    """

    stage: Stage
    entry_of: Callable[[Item], Entry]
    begin: Callable[[Plan], Callable[[Item, ByteSource], Result]]
    failed: Callable[[Item, Failure], Result]
    whole: bool
    has_own_code: bool
    prepared: Callable[[Job, Iterator[Opened], Attempt], Iterator[Opened]]


def handle_images(
    plan: Plan, items: Sequence[Item], attempt: Attempt, work: ImageWork[Item, Result]
) -> Iterator[Result]:
    """Handle the images in order: in this process, or carefully in a child that may die.

    Raises CarelessError if an image was refused memory, which others may have taken.
    """
    if attempt.careful:
        yield from _handle_guarded(plan, items, work)
        return
    job = plan.job
    handle = work.begin(plan)
    clock = deadline(job.limits.deadline, attempt.expendable)
    sources = read_ahead(map(work.entry_of, items), work.whole, plan.stores)
    opened = work.prepared(job, sources, attempt)
    for item, (_, source) in zip(items, opened, strict=True):
        if work.has_own_code:  # it may have replaced the timer's signal handler
            clock = deadline(job.limits.deadline, attempt.expendable)
        with clock:
            result = handle(item, without_clock(source))
        require_memory(result.failure)
        yield result


def require_memory(failure: Failure | None) -> None:
    """Raise CarelessError if the image was refused memory: others of the task may have taken it."""
    if failure and failure.reason == "out-of-memory":
        raise CarelessError(CARELESS)


def _handle_guarded(
    plan: Plan, items: Sequence[Item], work: ImageWork[Item, Result]
) -> Iterator[Result]:
    guard: Guard[Item, Result] = Guard(partial(handle_alone, plan, work), plan.job.limits)
    try:
        for item in items:
            try:
                yield guard(item)
            except ImageError as error:
                yield work.failed(item, failure_of(work.entry_of(item).uri, work.stage, error))
    finally:
        guard.close()


def handle_alone(plan: Plan, work: ImageWork[Item, Result], item: Item) -> Result:
    """Handle one image in a guarded child."""
    job = plan.job
    with running(Context(job.limits, stores=plan.stores, guards_images=False)):
        with clock_stopped():
            source = open_entry(work.entry_of(item), plan.stores)
            handle = work.begin(plan)
        return handle(item, without_clock(source))
