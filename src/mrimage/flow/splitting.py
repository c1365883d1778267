"""How large the splits of a run are."""

from __future__ import annotations

from mrimage.job.job import Job

HEADER_SPLIT = (200, 2_000)
"""Fewest and most images of a split when only headers are read. A small job gets small splits, so
that all workers wait for a remote store at once."""

PIXEL_SPLIT = (8 << 20, 128 << 20)
"""Fewest and most bytes of a split when whole images are read. A small job gets small splits, so that
no worker waits long for the last one."""

UNBOUNDED = 1 << 62


def split_limits(job: Job, images: int, size: int, workers: int) -> tuple[int, int]:
    """Return the most bytes and the most images of a split, for ``images`` images of ``size`` bytes
    in all."""
    fewest, most = HEADER_SPLIT
    if not job.needs_bytes:
        share = images // (4 * workers)
        return UNBOUNDED, min(most, max(fewest, share))
    smallest, largest = PIXEL_SPLIT
    if job.in_shards:
        # A shard is no larger than what one task makes, so the tasks of shards are larger.
        share = size // (2 * workers)
        return min(2 * largest, max(smallest, share)), 10 * most
    share = size // (8 * workers)
    return min(largest, max(smallest, share)), most
