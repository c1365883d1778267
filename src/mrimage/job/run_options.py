"""How a job runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from mrimage.job.fields import RUN_FIELDS, check_fields
from mrimage.storage.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a job runs, as opposed to what it does: nothing here changes a result.

    ``fields.RUN`` explains the options. ``max_failures`` is a number of images or a share such
    as ``"5%"``. ``command`` is what the user typed, for the report. Raises UsageError for a
    value of the wrong type.
    """

    engine: str = "local"
    workers: int | None = None
    retries: int = 3
    speculate: bool = True
    fresh: bool = False
    max_failures: int | str | None = None
    quiet: bool = True
    thumbnails: bool = True
    strict: bool = False
    title: str = ""
    owner: str = ""
    command: str = ""
    stores: StoreSettings = field(default_factory=StoreSettings)

    def __post_init__(self) -> None:
        for name, value in check_fields(self, RUN_FIELDS.values()).items():
            object.__setattr__(self, name, value)
