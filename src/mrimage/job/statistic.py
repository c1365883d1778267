"""A statistic of a group: what each image contributes, and how contributions combine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrimage.errors import UsageError, brief

if TYPE_CHECKING:
    from mrimage.image import Image


@dataclass(frozen=True)
class Statistic:
    """What the images of a group have in common, for ``Job.each``.

    ``of(image)`` returns what one image contributes, and ``merge(one, other)`` combines two
    contributions to one of the same kind. Both return plain data: numbers, text, lists,
    dictionaries, but no pixels. ``merge`` gets the contributions of a group in the order of its
    images, so that the result never depends on how the work was divided. Sums of whole numbers are
    exact.

    Raises UsageError if ``of`` or ``merge`` is not a function.
    """

    of: Callable[[Image], Any]
    merge: Callable[[Any, Any], Any]

    def __post_init__(self) -> None:
        for name in ("of", "merge"):
            given = getattr(self, name)
            if not callable(given):
                raise UsageError(f"Statistic.{name} needs a function, but got {brief(given)}.")
