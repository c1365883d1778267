"""How stores are used: what a run's options say, on its way to every process that works for it.

The stores read these from the environment, so that a user may set them there too. A run puts its options on top,
in each process, and the next run in that process finds what was there before.
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
"""Names of Settings' fields, which are also options'."""

_replaced: dict[str, tuple[str, str | None]] = {}
"""What a run has put into the environment, and what was there before."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``replication`` of what is written to HDFS, from 1 to 512; ``allow_private`` lets urls lead to private
    addresses; ``endpoint`` of S3 as a url; ``addressing`` of its buckets, ``path`` or ``virtual``. None and False
    leave it to the environment."""

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

    def apply(self) -> None:
        """Let the stores of this process work by these settings."""
        wanted = {
            REPLICATION: str(self.replication) if self.replication else None,
            PRIVATE: "1" if self.allow_private else None,
            ENDPOINT: self.endpoint,
            ADDRESSING: self.addressing,
        }
        for name, value in wanted.items():
            ours, earlier = _replaced.pop(name, (None, None))
            if os.environ.get(name) != ours:  # somebody has changed it since
                earlier = os.environ.get(name)
            _put(name, earlier if value is None else value)
            if value is not None:
                _replaced[name] = value, earlier


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
