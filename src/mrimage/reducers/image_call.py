"""One method call on one image, as plain data, so that a guarded child can make it."""

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
    """A call of the method ``name`` of the image behind ``entry``.

    If ``called`` is false, ``name`` is an attribute that is only read.
    """

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
    """Describe a call of the method ``name``."""
    return ImageCall(entry, limits, stores, name, arguments, keywords)


def perform(call: ImageCall, source: ByteSource | None = None) -> Any:
    """Make the call, and return its result; ``source`` is the image's file if it is read ahead.

    Raises ImageError and StoreError, as the methods of an Image do, and MemoryError.
    """
    if source is None:
        image = _open_image(call.entry, call.limits, call.stores)
    else:
        image = Image(without_clock(source), call.limits)
    return perform_on(image, call)


def perform_on(image: Image, call: ImageCall) -> Any:
    """Make the call on ``image``.

    Raises MemoryError instead of an ImageError that may be due to too little memory.
    """
    try:
        attribute = getattr(image, call.name)
        if not call.called:
            return attribute
        return attribute(*call.arguments, **(call.keywords or {}))
    except ImageError as error:
        if was_refused(error, pixels_of(image)):
            raise MemoryError from error
        raise


def pixels_of(image: Image) -> int:
    """The number of the image's pixels, or 0 if its header cannot be read."""
    try:
        return image.metadata.width * image.metadata.height
    except (ImageError, StoreError, MemoryError):
        return 0


# The last image stays open: a reducer may request the size of an image, and then its pixels.
@lru_cache(maxsize=1)
def _open_image(entry: Entry, limits: Limits, stores: StoreSettings) -> Image:
    with clock_stopped():
        source = open_entry(entry, stores)
    return Image(without_clock(source), limits)
