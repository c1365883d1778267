"""libvips, loaded once per process with the settings of a worker."""

from __future__ import annotations

import os
from functools import cache
from typing import Any


@cache
def vips() -> Any:
    """The pyvips module.

    One thread an image, because the workers are the parallelism; no operation cache, because no image comes twice;
    and none of the loaders that libvips itself calls untrusted, such as those of SVG, PDF and MATLAB, because the
    bytes come from anywhere. Its warnings go to Python's logger ``pyvips`` and not to the terminal.
    """
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    return pyvips
