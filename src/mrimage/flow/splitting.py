"""How large the splits of a run are."""

from __future__ import annotations

from mrimage.job.job import Job

HEADER_SPLIT = (200, 2_000)
"""Fewest and most images of a split when only headers are read. A small job gets small splits, so that all workers wait
for a remote store at once."""

PIXEL_SPLIT = (8 << 20, 128 << 20)
"""Fewest and most bytes of a split when whole images are read. A small job gets small splits, so that no worker waits
long for the last one."""

UNBOUNDED = 1 << 62


def split_limits(job: Job, images: int, size: int, workers: int) -> tuple[int, int]:
    """Most bytes and most images of a split, for ``images`` of ``size`` bytes in all."""
    fewest, most = HEADER_SPLIT
    if not job.needs_bytes:
        return UNBOUNDED, min(most, max(fewest, images // (4 * workers)))
    smallest, largest = PIXEL_SPLIT
    if job.output != "files":
        # A shard is no larger than what one task makes, so the tasks of shards are larger.
        return min(2 * largest, max(smallest, size // (2 * workers))), 10 * most
    return min(largest, max(smallest, size // (8 * workers))), most
