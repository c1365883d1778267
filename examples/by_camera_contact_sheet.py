"""One contact sheet per camera.

    python examples/by_camera_contact_sheet.py SOURCE OUT

leaves OUT/groups/<camera>/sheet.jpg, and the catalogue and report of every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import mrimage as mr


def by_camera(image: mr.Image) -> Iterator[tuple[str, dict[str, str]]]:
    yield image.metadata.camera or "unknown", {"uri": image.uri}


def sheet(camera: str, values: Iterator[dict[str, str]]) -> Iterator[mr.Output]:
    yield mr.Output("sheet.jpg", mr.contact_sheet(value["uri"] for value in values))


if __name__ == "__main__":
    source, out = sys.argv[1:]
    print(mr.run(mr.Job(map=by_camera, reduce=sheet), source, out))
