"""How much memory a process holds, how much it may, and whether a decoder that failed was refused some.

What is bounded is memory, not address space: a file that is mapped, CUDA, or a Java machine reserves address space far
beyond what it uses.

- A worker may not have more than so many bytes of private writable memory (RLIMIT_DATA): the kernel refuses the rest.
- A guarded child may ask for several times as much as it may hold, because much of what is asked for is never used. The
  process that waits for it looks at what it really holds, and ends it when that is too much. So libraries there seldom
  fail in their own words for want of memory, which is hard to tell from damage.

All of this is Linux's; elsewhere nothing is bounded.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from mrimage.errors import ImageError, JobError

LEAST_ADDRESS_SPACE = 2_000_000_000
"""Bytes that a run needs for the code and the tables of its libraries; below that some of them crash."""

BYTES_PER_PIXEL = 16
SLACK = 64 << 20
"""What an image needs at most while it is worked on: four samples of 32 bits a pixel, and what its libraries take."""

DOUBTFUL = frozenset(["corrupt", "truncated", "unsupported", "mapper-failed", "internal"])
"""Reasons that a library gives which was refused memory and does not say so."""

_HELD = ("RssAnon:", "RssShmem:", "VmSwap:")


def memory_held_by(pid: int) -> int:
    """Bytes of memory that are the process's own: not those of mapped files, which the kernel takes back when it likes.
    0 where that is not known."""
    try:
        with Path(f"/proc/{pid}/status").open() as status:
            return sum(int(line.split()[1]) * 1024 for line in status if line.startswith(_HELD))
    except (OSError, ValueError):
        return 0


def limit_memory(room: int) -> None:
    """Let this process's private writable memory grow by at most ``room`` bytes from now on, whatever the limit that it
    has from its parent."""
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = _used()[1] + room
        resource.setrlimit(
            resource.RLIMIT_DATA,
            (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard),
        )


def is_limited() -> bool:
    """Whether ``limit_memory`` was called in this process, or somebody else has limited it."""
    return (
        sys.platform == "linux"
        and resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    )


def was_refused(error: Exception, pixels: int) -> bool:
    """Whether ``error``, of an image of ``pixels`` pixels, may come of memory that its decoder was refused.

    Several libraries say then that the file is corrupt (libheif, libjxl, OpenJPEG, LibRaw, LittleCMS). What such an
    image needs is compared with the room that this process has left below its limits.
    """
    if not isinstance(error, ImageError) or error.reason not in DOUBTFUL or sys.platform != "linux":
        return False
    needed = SLACK + BYTES_PER_PIXEL * pixels
    limits = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    bounds = [resource.getrlimit(limit)[0] for limit in limits]
    return any(
        bound != resource.RLIM_INFINITY and bound - used < needed
        for bound, used in zip(bounds, _used(), strict=True)
    )


def require_address_space() -> None:
    """Raise JobError where ``ulimit -v`` leaves too little address space to begin."""
    bound, _ = resource.getrlimit(resource.RLIMIT_AS)
    if bound != resource.RLIM_INFINITY and bound < LEAST_ADDRESS_SPACE:
        raise JobError(
            f"mrimage needs {LEAST_ADDRESS_SPACE // 10**6} MB of address space, but its limit is "
            f"{bound // 10**6} MB (ulimit -v). Raise the limit, or bound each image by --memory instead."
        )


def _used() -> tuple[int, int]:
    """Bytes of this process's address space, and of its private writable memory."""
    with Path("/proc/self/statm").open() as statm:
        pages = statm.read().split()
    size = resource.getpagesize()
    return int(pages[0]) * size, int(pages[5]) * size
