"""The files of the page: its own, and the report's style, which it shares."""

from __future__ import annotations

from importlib.resources import files


def read_asset(name: str) -> bytes | None:
    """Return a file of the page by its name, or None if there is none.

    ``report.css`` is the style of the report.
    """
    if name == "report.css":
        return files("mrimage.report").joinpath("assets", "page.css").read_bytes()
    folder = files("mrimage.explore").joinpath("assets")
    if name not in {entry.name for entry in folder.iterdir()}:
        return None
    return folder.joinpath(name).read_bytes()
