"""libvips, loaded once per process with the settings of a worker."""

from __future__ import annotations

import os
from functools import cache
from typing import Any


@cache
def vips() -> Any:
    """The pyvips module, with these settings:

    - one thread for an image, because the workers already run in parallel
    - no operation cache, because no image comes twice
    - none of the loaders that libvips calls untrusted, such as those of SVG, PDF and MATLAB,
      because files come from anywhere

    libvips' warnings go to the Python logger ``pyvips``, not to the terminal.
    """
    # libvips reads this variable once, when it is loaded.
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    return pyvips


def field_names(image: Any) -> list[str]:
    """The names of the metadata fields of a libvips image.

    Replaces ``Image.get_fields``, which in pyvips 3.2 decodes names as UTF-8. libvips makes the
    keyword of a PNG text a part of the name, and PNG keywords are Latin-1, so ``get_fields`` raises
    UnicodeDecodeError for some files.
    """
    pyvips = vips()
    names = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    found = []
    position = 0
    # The array ends with NULL. The caller must free it and each of its strings.
    while names[position] != pyvips.ffi.NULL:
        found.append(pyvips.ffi.string(names[position]).decode("latin-1"))
        pyvips.glib_lib.g_free(names[position])
        position += 1
    pyvips.glib_lib.g_free(names)
    return found
