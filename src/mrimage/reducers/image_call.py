"""One question to one image, as plain data, so that a guarded child can answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mrimage.errors import ImageError, StoreError
from mrimage.guard.deadline import clock_stopped, without_clock
from mrimage.guard.memory import was_refused
from mrimage.image import Image
from mrimage.source import open_entry
from mrimage.storage.settings import StoreSettings
from mrimage.types import ByteSource, Entry, Limits


@dataclass(frozen=True, slots=True)
class ImageCall:
    """A call of the method ``name`` of the image behind ``entry``, or its attribute where ``called`` is false."""

    entry: Entry
    limits: Limits
    stores: StoreSettings
    name: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] | None = None
    called: bool = True


def method_call(
    entry: Entry, limits: Limits, stores: StoreSettings, name: str, *arguments: Any, **keywords: Any
) -> ImageCall:
    """The question for what the method ``name`` returns."""
    return ImageCall(entry, limits, stores, name, arguments, keywords)


def perform(question: ImageCall, source: ByteSource | None = None) -> Any:
    """What the image answers; ``source`` has its bytes where they have been read ahead.

    Raises ImageError and StoreError, as the methods of an Image do.
    """
    if source is None:
        return perform_on(_opened(question.entry, question.limits, question.stores), question)
    return perform_on(Image(without_clock(source), question.limits), question)


def perform_on(image: Image, question: ImageCall) -> Any:
    """What this very image answers. Raises MemoryError where what it raised may come of too little memory."""
    try:
        found = getattr(image, question.name)
        return found(*question.arguments, **(question.keywords or {})) if question.called else found
    except ImageError as error:
        if was_refused(error, _pixels_of(image)):
            raise MemoryError from error
        raise


def _pixels_of(image: Image) -> int:
    """Pixels of the image, as far as its header can be read."""
    try:
        return image.metadata.width * image.metadata.height
    except (ImageError, StoreError, MemoryError):
        return 0


@lru_cache(maxsize=1)
def _opened(entry: Entry, limits: Limits, stores: StoreSettings) -> Image:
    """The image asked last stays open: a reducer asks the same one for its size, and then for its pixels."""
    with clock_stopped():
        source = open_entry(entry, stores)
    return Image(without_clock(source), limits)
