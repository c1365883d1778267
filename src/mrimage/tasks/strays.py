"""Files that were tried only because their names have no extension, and that are not images."""

from __future__ import annotations

from dataclasses import replace

from mrimage.job.job import Plan
from mrimage.source import Selection, names_its_images
from mrimage.tasks.map_image import Mapped


class Strays:
    """Recognizes stray files: a README beside photographs is not a damaged image."""

    def __init__(self, plan: Plan) -> None:
        job = plan.job
        self._selection = Selection(job.include, job.exclude, job.all_files)
        self._is_named = plan.names is not None or all(map(names_its_images, plan.sources))
        self._has_labels = bool(plan.others)

    def mark_ignored(self, mapped: Mapped) -> Mapped:
        """Return ``mapped``, with the status ``ignored`` if it is a stray file.

        A file that the user named, in a list, by --include or as SOURCE, was meant to be an image,
        and so was a row of a table. These stay in quarantine.
        """
        failure = mapped.failure
        if failure is None or failure.reason != "not-an-image" or self._is_named:
            return mapped
        entry = mapped.entry
        is_in_table = entry.place is not None and entry.place.column
        # Several sources have their names before the paths, which patterns do not know.
        path = entry.path.partition("/")[2] if self._has_labels else entry.path
        if is_in_table or not self._selection.guesses(path):
            return mapped
        return replace(mapped, row=mapped.row | {"status": "ignored"}, failure=None)
