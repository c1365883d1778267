"""The image that a reduce task hands out: every answer of it is guarded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mrimage.guard.deadline import clock_stopped, fair
from mrimage.image import Image, Metadata
from mrimage.reducers.question import Question, answer_of, ask
from mrimage.source import open_entry
from mrimage.types import Edits, Entry, Fit, Limits

if TYPE_CHECKING:
    import numpy as np

    from mrimage.image import Encoded

Asked = Callable[[Question, Callable[[], Any]], Any]
"""Answers a question, in this process by calling what is handed in, or in another; notes the image that fails."""


class TaskImage(Image):
    """An image whose public methods and attributes all answer through ``asked``, so that none escapes the guard."""

    def __init__(self, entry: Entry, limits: Limits, asked: Asked) -> None:
        self.path = entry.path
        self._entry = entry
        self._limits = limits
        self._asked = asked

    @property
    def uri(self) -> str:
        return self._entry.uri

    @cached_property
    def data(self) -> bytes:
        data: bytes = self._ask(Question(self._entry, self._limits, "data", called=False))
        return data

    @cached_property
    def metadata(self) -> Metadata:
        metadata: Metadata = self._ask(
            Question(self._entry, self._limits, "metadata", called=False)
        )
        return metadata

    def features(self, names: Sequence[str]) -> dict[str, object]:
        columns: dict[str, object] = self._ask(
            ask(self._entry, self._limits, "features", tuple(names))
        )
        return columns

    def edited(self, edits: Edits) -> Encoded:
        result: Encoded = self._ask(ask(self._entry, self._limits, "edited", edits))
        return result

    def thumbnail(
        self, width: int, height: int, fit: Fit = "contain", *, enlarge: bool = False
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        question = ask(self._entry, self._limits, "thumbnail", width, height, fit, enlarge=enlarge)
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = self._ask(question)
        return pixels

    def _ask(self, question: Question) -> Any:
        return self._asked(question, lambda: answer_of(self._plain, question))

    @cached_property
    def _plain(self) -> Image:
        """The unguarded image, opened under the clock when it is first asked something in this process."""
        with clock_stopped():
            source = open_entry(self._entry)
        return Image(fair(source), self._limits, self.path)
