"""How a run uses stores, according to its options.

Everything that opens a store receives the settings as an argument, so that two runs in one
process do not affect each other. The environment supplies what the settings leave open: there a
user can set it for every run.
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

_MAX_REPLICATION = 512
"""HDFS refuses more copies by default (``dfs.replication.max``)."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Options of a run that concern stores. None and False leave the choice to the environment.

    ``replication`` is the number of copies on HDFS, 1 to 512. ``allow_private`` permits urls that
    lead to private addresses. ``endpoint`` is the url of an S3 service, and ``addressing`` of its
    buckets is ``path`` or ``virtual``.

    Raises UsageError for a value out of range.
    """

    replication: int | None = None
    allow_private: bool = False
    endpoint: str | None = None
    addressing: str | None = None

    def __post_init__(self) -> None:
        if self.replication is not None and not 1 <= self.replication <= _MAX_REPLICATION:
            raise UsageError(
                f"--replication must be a number from 1 to {_MAX_REPLICATION}, "
                f"but got {self.replication}."
            )
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise UsageError(
                "--endpoint must begin with http:// or https://, for example http://localhost:9000."
            )
        if self.endpoint and "@" in self.endpoint:
            raise UsageError(
                "--endpoint must not contain credentials. "
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead."
            )
        if self.addressing not in (None, "path", "virtual"):
            raise UsageError(
                f'--addressing must be one of path, virtual, but got "{self.addressing}".'
            )


DEFAULT = StoreSettings()
"""Leaves every choice to the environment."""


def allows_private(settings: StoreSettings) -> bool:
    """Whether urls may lead to private addresses (``--allow-private`` or MRIMAGE_ALLOW_PRIVATE)."""
    if settings.allow_private:
        return True
    return os.environ.get(PRIVATE, "").lower() in ("1", "true", "yes")


def replication_of(settings: StoreSettings) -> int | None:
    """How many DataNodes keep each file (``--replication`` or MRIMAGE_HDFS_REPLICATION).

    None means the cluster's default. Raises UsageError if the variable is not a number from 1 to
    512.
    """
    if settings.replication is not None:
        return settings.replication
    text = os.environ.get(REPLICATION, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MAX_REPLICATION:
        raise UsageError(
            f'{REPLICATION} must be a number from 1 to {_MAX_REPLICATION}, but got "{text}".'
        )
    return int(text)
