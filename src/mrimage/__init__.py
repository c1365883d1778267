"""MapReduce for images.

import mrimage as mr

def by_camera(image):
    yield image.metadata.camera or "unknown", {"uri": image.uri}

def sheet(camera, values):
    yield mr.Output("sheet.jpg", mr.contact_sheet(v["uri"] for v in values))

mr.run(mr.Job(map=by_camera, reduce=sheet), "photos/", "out/")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrimage.errors import (
        AccountingError,
        BudgetError,
        DeniedError,
        EngineError,
        ImageError,
        InternalError,
        JobError,
        MrimageError,
        NotFoundError,
        SinkError,
        SourceError,
        StoreError,
        UsageError,
    )
    from mrimage.flow.api import run
    from mrimage.flow.opened import Results, open
    from mrimage.flow.summary import Summary
    from mrimage.image import Image
    from mrimage.job.batched import batched
    from mrimage.job.job import Job
    from mrimage.job.own_extractor import extractor
    from mrimage.job.rules import Rule
    from mrimage.job.statistic import Statistic
    from mrimage.reducers.context import open_image
    from mrimage.reducers.sheet import contact_sheet
    from mrimage.rounds.round import Round
    from mrimage.rounds.table import Table
    from mrimage.sink.output import Output
    from mrimage.types import Crop, Edits, Limits

__version__ = "0.1.0"

_MODULES = {
    "AccountingError": "mrimage.errors",
    "BudgetError": "mrimage.errors",
    "Crop": "mrimage.types",
    "DeniedError": "mrimage.errors",
    "Edits": "mrimage.types",
    "EngineError": "mrimage.errors",
    "Image": "mrimage.image",
    "ImageError": "mrimage.errors",
    "InternalError": "mrimage.errors",
    "Job": "mrimage.job.job",
    "JobError": "mrimage.errors",
    "Limits": "mrimage.types",
    "MrimageError": "mrimage.errors",
    "NotFoundError": "mrimage.errors",
    "Output": "mrimage.sink.output",
    "Results": "mrimage.flow.opened",
    "Round": "mrimage.rounds.round",
    "Rule": "mrimage.job.rules",
    "SinkError": "mrimage.errors",
    "SourceError": "mrimage.errors",
    "Statistic": "mrimage.job.statistic",
    "StoreError": "mrimage.errors",
    "Summary": "mrimage.flow.summary",
    "Table": "mrimage.rounds.table",
    "UsageError": "mrimage.errors",
    "batched": "mrimage.job.batched",
    "contact_sheet": "mrimage.reducers.sheet",
    "extractor": "mrimage.job.own_extractor",
    "open": "mrimage.flow.opened",
    "open_image": "mrimage.reducers.context",
    "run": "mrimage.flow.api",
}
"""The module of each public name."""

__all__ = [
    "AccountingError",
    "BudgetError",
    "Crop",
    "DeniedError",
    "Edits",
    "EngineError",
    "Image",
    "ImageError",
    "InternalError",
    "Job",
    "JobError",
    "Limits",
    "MrimageError",
    "NotFoundError",
    "Output",
    "Results",
    "Round",
    "Rule",
    "SinkError",
    "SourceError",
    "Statistic",
    "StoreError",
    "Summary",
    "Table",
    "UsageError",
    "__version__",
    "batched",
    "contact_sheet",
    "extractor",
    "open",
    "open_image",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used. ``mrimage --help`` is fast because it needs none
    of them."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, also those that have not been imported yet."""
    return sorted(__all__)
