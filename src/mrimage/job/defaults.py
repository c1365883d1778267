"""The value of an option that is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrimage.job.field import Field, Owner
from mrimage.job.job import Job, RunOptions
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits, Limits

OWNERS: Mapping[Owner, Any] = {
    "Job": Job(),
    "Edits": Edits(),
    "Limits": Limits(),
    "RunOptions": RunOptions(),
    "StoreSettings": StoreSettings(),
}
"""An instance of each dataclass that has options, with all defaults."""


def default_of(field: Field) -> object:
    """Return the default value of ``field``."""
    return getattr(OWNERS[field.owner], field.name)


def describe_default(field: Field) -> str:
    """Describe the default value in words. The text is empty if there is nothing to say: for an
    edit that is not made, or a flag.

    >>> from mrimage.job.fields import JOB_FIELDS
    >>> describe_default(JOB_FIELDS["deadline"]), describe_default(JOB_FIELDS["background"])
    ('60', 'white')
    """
    if field.default:
        return field.default
    value = default_of(field)
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return field.type.show(value)
