"""How much memory a process holds and may hold, and whether a failed decoder was refused some.

We limit memory, not address space: mapped files, CUDA and a JVM reserve address space far beyond
what they use.

- A worker may have only so many bytes of private writable memory (RLIMIT_DATA); the kernel refuses
  the rest.
- A guarded child may request several times as much as it may hold, because much of what is
  requested is never used. The process that waits for it watches what it really holds, and ends it
  if that is too much. So libraries in the child seldom run out of memory themselves, which they
  often report as a damaged file.

All of this works on Linux; elsewhere nothing is limited.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from mrimage.errors import ImageError, JobError

LEAST_ADDRESS_SPACE = 2_000_000_000
"""Bytes that a run needs for its libraries' code and tables; with less, some of them crash."""

BYTES_PER_PIXEL = 16
"""Memory that an image needs for each pixel at most: four samples of 32 bits."""

SLACK = 64 << 20
"""Bytes that an image's libraries need at most besides its pixels."""

DOUBTFUL = frozenset(["corrupt", "truncated", "unsupported", "mapper-failed", "internal"])
"""Reasons that a library may report although it was refused memory."""

_HELD = ("RssAnon:", "RssShmem:", "VmSwap:")


def memory_held_by(pid: int) -> int:
    """Bytes of memory that are the process's own, or 0 if unknown.

    Pages of mapped files do not count, because the kernel can take them back at any time.
    """
    try:
        with Path(f"/proc/{pid}/status").open() as status:
            kilobytes = [int(line.split()[1]) for line in status if line.startswith(_HELD)]
    except (OSError, ValueError):
        return 0
    return 1024 * sum(kilobytes)


def limit_memory(room: int) -> None:
    """Let this process's private writable memory grow by at most ``room`` bytes from now on.

    This replaces the limit that it inherited from its parent.
    """
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = _memory_in_use() + room
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def is_limited() -> bool:
    """Whether ``limit_memory`` or anything else has limited this process's memory."""
    if sys.platform != "linux":
        return False
    return resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY


def was_refused(error: Exception, pixels: int) -> bool:
    """Whether ``error``, from an image of ``pixels`` pixels, may mean that memory was refused.

    Several libraries then report that the file is corrupt (libheif, libjxl, OpenJPEG, LibRaw,
    LittleCMS). So we compare what such an image needs with the room below this process's limits.
    """
    if not isinstance(error, ImageError) or error.reason not in DOUBTFUL:
        return False
    if sys.platform != "linux":
        return False
    needed = SLACK + BYTES_PER_PIXEL * pixels
    in_use = {
        resource.RLIMIT_AS: _address_space_in_use(),
        resource.RLIMIT_DATA: _memory_in_use(),
    }
    for kind, used in in_use.items():
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY and limit - used < needed:
            return True
    return False


def require_address_space() -> None:
    """Raise JobError if ``ulimit -v`` leaves too little address space to begin."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise JobError(
            f"mrimage needs {LEAST_ADDRESS_SPACE // 10**6} MB of address space, "
            f"but its limit is {limit // 10**6} MB (ulimit -v). "
            "Raise the limit, or bound each image by --memory instead."
        )


def _address_space_in_use() -> int:
    """Bytes of this process's address space."""
    return _memory_sizes()[0]


def _memory_in_use() -> int:
    """Bytes of this process's private writable memory."""
    return _memory_sizes()[5]


def _memory_sizes() -> list[int]:
    """The fields of Linux's /proc/self/statm, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()
    return [int(number) * resource.getpagesize() for number in pages]
