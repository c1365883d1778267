"""What a run knows about its model. Standard library only, cheap to pickle."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Literal

Layout = Literal["nchw", "nhwc"]
"""The order of the input's dimensions: n images, c channels, h rows, w columns."""

Channels = Literal["rgb", "bgr"]

NETWORK_EXTRACTORS = ("embedding", "labels")
"""The extractors that need a model."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user says about a model. None means that it follows from the model or its sidecar.

    ``size`` is (width, height) in pixels. ``mean`` and ``deviation`` are those of red, green and
    blue, of pixels from 0 to 1. ``crop`` is the share of the shorter side that the model sees, in
    the middle. ``batch`` is a number of images. ``embedding_output`` and ``label_output`` name the
    outputs that the extractors use.
    """

    size: tuple[int, int] | None = None
    layout: str | None = None
    channels: str | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    crop: float | None = None
    batch: int | None = None
    embedding_output: str | None = None
    label_output: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A model, and how to use it.

    ``digest`` is the SHA-256 of its bytes, in hex. ``input`` is the name of its input, and
    ``dtype`` numpy's name of its type. A pixel from 0 to 1 enters as ``(pixel - mean) /
    deviation``, in the order of ``channels``; a model of uint8 gets bytes as they are. ``batch`` is
    the number of images that it must get at once, 0 if any number will do. ``length`` is the number
    of numbers of an embedding. An output that the job does not use is ``""``.
    """

    digest: str
    input: str
    dtype: str
    width: int
    height: int
    layout: Layout
    channels: Channels
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    crop: float
    batch: int = 0
    embedding_output: str = ""
    length: int = 0
    label_output: str = ""
    labels: tuple[str, ...] = field(default=(), repr=False)

    def describe(self) -> dict[str, object]:
        """Return plain data that differs for any other model or use; a digest stands for labels."""
        facts = asdict(self)
        # A message about another model names this fact.
        facts["model"] = facts.pop("digest")
        text = "\n".join(self.labels)
        facts["labels"] = hashlib.sha256(text.encode()).hexdigest() if self.labels else ""
        return facts

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are used, each once."""
        used = [name for name in (self.embedding_output, self.label_output) if name]
        return tuple(dict.fromkeys(used))
