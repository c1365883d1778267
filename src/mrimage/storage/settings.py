"""How stores are used: what a run's options say.

Settings go from hand to hand to everything that opens a store, so that two runs in one process do not meet. What they
leave open is looked up in the environment, where a user may set it for every run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mrimage.errors import UsageError

REPLICATION = "MRIMAGE_HDFS_REPLICATION"
PRIVATE = "MRIMAGE_ALLOW_PRIVATE"
ENDPOINT = "MRIMAGE_S3_ENDPOINT"
ADDRESSING = "MRIMAGE_S3_ADDRESSING"

SETTINGS = ("replication", "allow_private", "endpoint", "addressing")
"""Names of the fields of StoreSettings, which are also names of options."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``replication`` of what is written to HDFS, from 1 to 512; ``allow_private`` lets urls lead to private
    addresses; ``endpoint`` of S3 as a url; ``addressing`` of its buckets, ``path`` or ``virtual``. None and False
    leave it to the environment.

    Raises UsageError for a value out of its range.
    """

    replication: int | None = None
    allow_private: bool = False
    endpoint: str | None = None
    addressing: str | None = None

    def __post_init__(self) -> None:
        if self.replication is not None and not 1 <= self.replication <= 512:
            raise UsageError(
                f"Expected --replication as a number from 1 to 512, but received {self.replication}."
            )
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise UsageError(
                "Expected --endpoint as a url that begins with http:// or https://, as http://localhost:9000."
            )
        if self.endpoint and "@" in self.endpoint:
            raise UsageError(
                "Expected --endpoint without credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if self.addressing not in (None, "path", "virtual"):
            raise UsageError(
                f'Expected --addressing as one of path, virtual, but received "{self.addressing}".'
            )


DEFAULT = StoreSettings()
"""Everything as the environment says."""


def allows_private(settings: StoreSettings) -> bool:
    """Whether urls may lead to private addresses: ``--allow-private`` or MRIMAGE_ALLOW_PRIVATE."""
    return settings.allow_private or os.environ.get(PRIVATE, "").lower() in ("1", "true", "yes")


def replication_of(settings: StoreSettings) -> int | None:
    """How many DataNodes keep what is written: ``--replication`` or MRIMAGE_HDFS_REPLICATION; None leaves it to the
    cluster. Raises UsageError for a variable that is not a number from 1 to 512."""
    if settings.replication is not None:
        return settings.replication
    text = os.environ.get(REPLICATION, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 512:
        raise UsageError(
            f'Expected {REPLICATION} as a number from 1 to 512, but received "{text}".'
        )
    return int(text)
