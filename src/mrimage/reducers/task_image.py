"""The image that a reduce task hands out: every answer of it is guarded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mrimage.guard.deadline import clock_stopped, without_clock
from mrimage.image import Image, Metadata
from mrimage.reducers.image_call import ImageCall, method_call, perform_on
from mrimage.source import open_entry
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits, Entry, Fit, Limits

if TYPE_CHECKING:
    import numpy as np

    from mrimage.image import Encoded

CallImage = Callable[[ImageCall, Callable[[], Any]], Any]
"""Answers a question, in this process by calling what is handed in, or in another; notes the image that fails."""


class TaskImage(Image):
    """An image whose public methods and attributes all answer through ``asked``, so that none escapes the guard."""

    def __init__(
        self, entry: Entry, limits: Limits, stores: StoreSettings, call_image: CallImage
    ) -> None:
        self.path = entry.path
        self._entry = entry
        self._limits = limits
        self._stores = stores
        self._call_image = call_image

    @property
    def uri(self) -> str:
        return self._entry.uri

    @cached_property
    def data(self) -> bytes:
        data: bytes = self._call(
            ImageCall(self._entry, self._limits, self._stores, "data", called=False)
        )
        return data

    @cached_property
    def metadata(self) -> Metadata:
        metadata: Metadata = self._call(
            ImageCall(self._entry, self._limits, self._stores, "metadata", called=False)
        )
        return metadata

    def features(self, names: Sequence[str]) -> dict[str, object]:
        columns: dict[str, object] = self._call(
            method_call(self._entry, self._limits, self._stores, "features", tuple(names))
        )
        return columns

    def edited(self, edits: Edits) -> Encoded:
        result: Encoded = self._call(
            method_call(self._entry, self._limits, self._stores, "edited", edits)
        )
        return result

    def thumbnail(
        self, width: int, height: int, fit: Fit = "contain", *, enlarge: bool = False
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        question = method_call(
            self._entry,
            self._limits,
            self._stores,
            "thumbnail",
            width,
            height,
            fit,
            enlarge=enlarge,
        )
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = self._call(question)
        return pixels

    def _call(self, question: ImageCall) -> Any:
        return self._call_image(question, lambda: perform_on(self._plain, question))

    @cached_property
    def _plain(self) -> Image:
        """The unguarded image, opened under the clock when it is first asked something in this process."""
        with clock_stopped():
            source = open_entry(self._entry, self._stores)
        return Image(without_clock(source), self._limits, self.path)
