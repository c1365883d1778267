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
    from mrimage.flow.api import run
    from mrimage.flow.summary import Summary
    from mrimage.image import Image
    from mrimage.job.job import Job
    from mrimage.reducers import contact_sheet
    from mrimage.reducers.context import open_image
    from mrimage.sink.output import Output
    from mrimage.types import Crop, Edits, Limits

__version__ = "0.1.0"

_HOMES = {
    "Crop": "mrimage.types",
    "Edits": "mrimage.types",
    "Image": "mrimage.image",
    "Job": "mrimage.job.job",
    "Limits": "mrimage.types",
    "Output": "mrimage.sink.output",
    "Summary": "mrimage.flow.summary",
    "contact_sheet": "mrimage.reducers",
    "open_image": "mrimage.reducers.context",
    "run": "mrimage.flow.api",
}

__all__ = [
    "Crop",
    "Edits",
    "Image",
    "Job",
    "Limits",
    "Output",
    "Summary",
    "__version__",
    "contact_sheet",
    "open_image",
    "run",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: ``mrimage --help`` needs none of them."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
