"""libvips, loaded once per process with the settings of a worker."""

from __future__ import annotations

import os
from functools import cache
from typing import Any


@cache
def vips() -> Any:
    """The pyvips module. One thread an image, because the workers are the parallelism; no operation cache,
    because no image comes twice."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    pyvips.cache_set_max(0)
    return pyvips
