"""Checks of what Python programs pass to ``mrimage.run`` and ``mrimage.open``."""

from __future__ import annotations

import os

from mrimage.errors import UsageError, brief
from mrimage.job.fields import RUN_FIELDS
from mrimage.storage.settings import StoreSettings


def store_settings(**given: object) -> StoreSettings:
    """Return the settings of stores; None leaves one to the environment. Raises UsageError for a
    value of the wrong type."""
    checked = {
        name: RUN_FIELDS[name].type.from_python(name, value)
        for name, value in given.items()
        if value is not None
    }
    return StoreSettings(**checked)


def path_or_url(name: str, given: object) -> str:
    """Return a path or a url as text; ``~`` is the home folder. Raises UsageError for anything
    else."""
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if isinstance(given, str):
        # Path.expanduser() would turn s3://bucket into s3:/bucket.
        return os.path.expanduser(given)  # noqa: PTH111
    raise UsageError(f"{name} needs one path or url, but got {brief(given)}.")


def paths_or_urls(name: str, given: object) -> tuple[str, ...]:
    """Return one path or url, or several in a list, as text. Raises UsageError for anything
    else."""
    if isinstance(given, list | tuple):
        return tuple(path_or_url(name, each) for each in given)
    return (path_or_url(name, given),)
