"""What a run knows about its labelled examples. Standard library only, cheap to pickle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """Examples of images with their labels, and how a label is chosen by them.

    ``column`` is the column of vectors, of ``length`` numbers each. ``vectors`` holds those of all
    examples (see ``patterns.vectors.stored``), and ``owners`` the place of each one's label in
    ``labels``. ``method`` is ``means`` or ``neighbors``. Of all examples, ``right`` get their own
    label when each is left out in turn.

    ``margins`` rise, and from each on ``confidences`` has the share of examples with such a margin
    that are right. (See ``patterns.examples``.)
    """

    column: str
    length: int
    labels: tuple[str, ...]
    owners: tuple[int, ...] = field(repr=False)
    vectors: bytes = field(repr=False)
    method: str
    right: int
    margins: tuple[float, ...] = field(repr=False)
    confidences: tuple[float, ...] = field(repr=False)

    def describe(self) -> dict[str, object]:
        """Return plain data that differs for any other examples."""
        names = "\n".join(self.labels)
        content = repr((names, self.owners)).encode() + self.vectors
        return {
            "digest": hashlib.sha256(content).hexdigest(),
            "method": self.method,
            "labels": len(self.labels),
            "images": len(self.owners),
            "right": self.right,
        }

    def summary(self) -> str:
        """Return what leaving each example out has shown, in words."""
        means = {"means": "the nearest mean of a label", "neighbors": "the nearest examples"}
        share = 100 * self.right / len(self.owners)
        return (
            f"{len(self.owners)} examples of {len(self.labels)} labels; each one left out in turn, "
            f"{share:.0f} % get their own label by {means[self.method]} ({self.column})"
        )
