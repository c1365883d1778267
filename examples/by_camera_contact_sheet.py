"""One contact sheet per camera.

    python examples/by_camera_contact_sheet.py SOURCE OUT

writes OUT/groups/<camera>/sheet.jpg, and the catalogue and the report that every run writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import mrimage as mr


def by_camera(image: mr.Image) -> Iterator[tuple[str, dict[str, str]]]:
    """Map an image to its camera."""
    camera = image.metadata.camera or "unknown"
    yield camera, {"uri": image.uri}


def sheet(camera: str, values: Iterator[dict[str, str]]) -> Iterator[mr.Output]:
    """Reduce the images of a camera to a contact sheet."""
    uris = (value["uri"] for value in values)
    yield mr.Output("sheet.jpg", mr.contact_sheet(uris))


if __name__ == "__main__":
    source, out = sys.argv[1:]
    job = mr.Job(map=by_camera, reduce=sheet)
    print(mr.run(job, source, out))
