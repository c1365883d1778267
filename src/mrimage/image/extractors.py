"""The extractors and their columns, and ``measure``, which computes those of one small picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrimage.image.finding_names import MEASURED, OF_PILE, FileFacts

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Vector:
    """The type of a column of vectors.

    Each is a list of ``length`` numbers of numpy's type ``dtype``. The column is a fixed-size list
    in Parquet. A ``length`` of 0 means that it depends on the job's model.
    """

    length: int
    dtype: str


@dataclass(frozen=True, slots=True)
class Extractor:
    """A named set of columns.

    ``columns`` maps each column to its Python type, or to a Vector. ``pixels`` and ``bytes`` say
    what it reads. ``model`` says that a run's model, or its examples, compute it, not ``measure``.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    pixels: bool = False
    bytes: bool = False
    model: bool = False


EXTRACTORS: Mapping[str, Extractor] = {
    "header": Extractor(),
    "content": Extractor(
        {
            "brightness": float,
            "contrast": float,
            "sharpness": float,
            "entropy": float,
            "colorfulness": float,
            "mean_color": str,
            "dominant_colors": list[str],
        },
        pixels=True,
    ),
    "hash": Extractor({"phash": str, "sha256": str}, pixels=True, bytes=True),
    "descriptor": Extractor({"descriptor": Vector(236, "float16")}, pixels=True),
    "miniature": Extractor({"miniature": Vector(1024, "uint8"), "picture_hash": str}, pixels=True),
    "findings": Extractor(dict.fromkeys((*MEASURED, *OF_PILE), float), pixels=True),
    "embedding": Extractor({"embedding": Vector(0, "float16")}, pixels=True, model=True),
    "labels": Extractor(
        {"label": str, "confidence": float, "labels": list[str], "confidences": list[float]},
        pixels=True,
        model=True,
    ),
    "examples": Extractor({"label": str, "confidence": float}, pixels=True, model=True),
}
"""The extractors by their names in ``--extract``. ``header`` adds no column to those that every
catalog has."""


def measure(
    names: Sequence[str], pixels: Array, data: bytes, facts: FileFacts | None = None
) -> dict[str, object]:
    """Return the columns of the extractors ``names``.

    ``pixels`` is uint8 H x W x 3, or x 4 with alpha for ``findings``, ``data`` is the whole file,
    and ``facts`` are for ``findings``.
    """
    import numpy as np

    # Imported late: ``--help`` reads the table above and computes nothing.
    from mrimage.image import features

    columns: dict[str, object] = {}
    alpha = pixels[:, :, 3] if pixels.shape[2] == 4 else None
    pixels = pixels[:, :, :3]
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    if not {"content", "hash", "miniature"}.isdisjoint(names):
        luma = features.luma_of(planes)
        small = features.at_analysis_size(luma)
        if "content" in names:
            columns |= features.content(planes, luma, small)
        if "hash" in names:
            columns["phash"] = features.perceptual_hash(small)
            columns["sha256"] = hashlib.sha256(data).hexdigest()
    if "miniature" in names:
        from mrimage.image.miniature import hash_picture, shrink

        columns["miniature"] = shrink(luma).tolist()
        columns["picture_hash"] = hash_picture(pixels)
    if "descriptor" in names:
        from mrimage.image.descriptor import describe

        columns["descriptor"] = describe(planes).tolist()
    if "findings" in names:
        from mrimage.image.findings import find

        columns |= find(pixels, alpha, facts or FileFacts())
    return columns
