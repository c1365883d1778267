"""``--examples FOLDER``: the labelled examples of a job, read once when a run begins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from mrimage.errors import ImageError, StoreError, UsageError
from mrimage.guard.guard import Guard
from mrimage.image import Image
from mrimage.job.job import Job
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage import StoreSettings
from mrimage.types import Entry

MOST_EXAMPLES = 20_000
"""Examples at most: each image is compared with all of them."""


def with_examples(job: Job, stores: StoreSettings) -> Job:
    """Return the job as tasks get it: with the examples that it names.

    The name of the folder of an example, below that of all examples, is its label. Raises
    UsageError if there are fewer than two labels, if there are too many examples, or if one cannot
    be read.
    """
    if job.examples is None:
        return job
    entries = sorted(_entries(job.examples, stores), key=lambda entry: entry.uri)
    labels = [entry.path.partition("/")[0] for entry in entries if "/" in entry.path]
    if len(labels) != len(entries) or len(set(labels)) < 2 or len(labels) > MOST_EXAMPLES:
        raise UsageError(
            "--examples needs a folder with a folder of images for each of at least two labels, of "
            f"at most {MOST_EXAMPLES} images, but {job.examples} has {len(entries)} images in "
            f"{len(set(labels))} such folders."
        )
    # Imported late: they need numpy, and most jobs have no examples.
    import numpy as np

    from mrimage.patterns.examples import learn
    from mrimage.patterns.vectors import UNIT

    column = vector_column(job)
    guard = Guard(partial(_vector, job, column, stores), job.limits)
    try:
        vectors = [_read(guard, entry) for entry in entries]
    finally:
        guard.close()
    whole = np.rint(np.array(vectors, np.float32) * UNIT)
    return replace(job, example_set=learn(column, labels, whole))


def vector_column(job: Job) -> str:
    """The column of vectors by which a job compares images with its examples."""
    return "embedding" if "embedding" in job.built_in else "descriptor"


def _entries(folder: str, stores: StoreSettings) -> list[Entry]:
    def ignore(path: str, reason: str) -> None:
        """What is no image is no example."""

    return list(list_entries(folder, Selection(), ignore, stores))


def _read(guard: Guard[Entry, list[float]], entry: Entry) -> list[float]:
    try:
        return guard(entry)
    except (ImageError, StoreError) as error:
        raise UsageError(
            f"--examples needs images that can be read, but {entry.uri}: {error} "
            "Mend it, or take it out."
        ) from error


def _vector(job: Job, column: str, stores: StoreSettings, entry: Entry) -> list[float]:
    """The vector of an example, in a process of its own."""
    image = Image(open_entry(entry, stores), job.limits, entry.path, whole=True)
    if column == "descriptor":
        found: Any = image.features(["descriptor"])["descriptor"]
        return list(found)
    from mrimage.image.network.columns import network_columns
    from mrimage.image.network.reading import read_model
    from mrimage.image.network.session import model_of_process

    assert job.network  # its extractor needs one
    model = model_of_process(job.network, partial(read_model, job.model))
    [outputs] = model.run([image.model_input(job.network)])
    columns: Any = network_columns(job.network, [column], outputs, job.top, job.unsure)
    return list(columns[column])
