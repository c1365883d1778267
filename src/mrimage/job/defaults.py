"""What happens when an option is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrimage.job.fields import Field, Owner
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


def default_of(field: Field) -> object:
    """The value that ``field`` has when nobody sets it."""
    return getattr(OWNERS[field.owner], field.name)


def describe_default(field: Field) -> str:
    """The same in words; ``""`` where that says nothing: an edit that is not made, a flag that
    is not set.

    >>> from mrimage.job.fields import JOB_FIELDS
    >>> describe_default(JOB_FIELDS["deadline"]), describe_default(JOB_FIELDS["background"])
    ('60', 'white')
    """
    value = default_of(field)
    if field.default or value is None or isinstance(value, bool):
        return field.default
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return field.type.show(value)
