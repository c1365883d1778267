"""The image that a reduce task gives to a reducer; all of its methods are guarded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mrimage.guard.deadline import clock_stopped, without_clock
from mrimage.image import Image, Metadata
from mrimage.image.handle import DEFAULT_EDITS
from mrimage.reducers.image_call import ImageCall, method_call, perform_on
from mrimage.source import open_entry
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits, Entry, Fit, Limits

if TYPE_CHECKING:
    import numpy as np

    from mrimage.image import Encoded

GuardedCall = Callable[[ImageCall, Callable[[], Any]], Any]
"""``(call, make_here) -> result``: makes the call by ``make_here()``, or in another process.

It also notes an image that fails.
"""


class TaskImage(Image):
    """An image whose public methods and attributes all go through ``guarded_call``.

    So no error, crash or hang of the image reaches the task unnoticed.
    """

    def __init__(
        self, entry: Entry, limits: Limits, stores: StoreSettings, guarded_call: GuardedCall
    ) -> None:
        self.path = entry.path
        self.fields = entry.fields
        self._entry = entry
        self._limits = limits
        self._stores = stores
        self._guarded_call = guarded_call

    @property
    def uri(self) -> str:
        return self._entry.uri

    @cached_property
    def data(self) -> bytes:
        data: bytes = self._read("data")
        return data

    @cached_property
    def metadata(self) -> Metadata:
        metadata: Metadata = self._read("metadata")
        return metadata

    def features(self, names: Sequence[str]) -> dict[str, object]:
        columns: dict[str, object] = self._call("features", tuple(names))
        return columns

    def edited(self, edits: Edits) -> Encoded:
        result: Encoded = self._call("edited", edits)
        return result

    def edited_each(self, all_edits: Sequence[Edits]) -> list[Encoded]:
        results: list[Encoded] = self._call("edited_each", tuple(all_edits))
        return results

    def pixels(self, edits: Edits = DEFAULT_EDITS) -> np.ndarray[Any, np.dtype[np.uint8]]:
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = self._call("pixels", edits)
        return pixels

    def thumbnail(
        self, width: int, height: int, fit: Fit = "contain", *, enlarge: bool = False
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = self._call(
            "thumbnail", width, height, fit, enlarge=enlarge
        )
        return pixels

    def _read(self, attribute: str) -> Any:
        call = ImageCall(self._entry, self._limits, self._stores, attribute, called=False)
        return self._perform(call)

    def _call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        call = method_call(self._entry, self._limits, self._stores, method, *arguments, **keywords)
        return self._perform(call)

    def _perform(self, call: ImageCall) -> Any:
        return self._guarded_call(call, lambda: perform_on(self._unguarded, call))

    @cached_property
    def _unguarded(self) -> Image:
        """The image itself, opened under the clock at its first call in this process."""
        with clock_stopped():
            source = open_entry(self._entry, self._stores)
        return Image(without_clock(source), self._limits, self.path)
