"""Files that were tried only because their names have no extension, and that turned out to be no images."""

from __future__ import annotations

from dataclasses import replace

from mrimage.job.job import Plan
from mrimage.source import Selection, names_its_images
from mrimage.tasks.map_image import Mapped


class Strays:
    """What the files without an extension are that a run came by: a README beside photographs is no damaged image."""

    def __init__(self, plan: Plan) -> None:
        job = plan.job
        self._selection = Selection(job.include, job.exclude, job.all_files)
        self._named = names_its_images(plan.source)

    def passed_over(self, mapped: Mapped) -> Mapped:
        """``mapped`` with the status ``ignored`` where it is such a file, else as it is.

        A file that the user named, in a list, by --include or as SOURCE, was meant to be an image, and so was a row of
        a table: these stay in quarantine.
        """
        failure, entry = mapped.failure, mapped.entry
        if failure is None or failure.reason != "not-an-image" or self._named:
            return mapped
        in_table = entry.place is not None and entry.place.column
        if in_table or not self._selection.guesses(entry.path):
            return mapped
        return replace(mapped, row=mapped.row | {"status": "ignored"}, failure=None)
