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


def field_names(image: Any) -> list[str]:
    """The names of the metadata fields of a libvips image.

    ``Image.get_fields`` of pyvips 3.2 decodes names as UTF-8 and raises UnicodeDecodeError for the keyword of a PNG
    text, which libvips makes a part of the name and which the PNG specification wants in Latin-1.
    """
    pyvips = vips()
    names = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    found = []
    position = 0
    while names[position] != pyvips.ffi.NULL:
        found.append(pyvips.ffi.string(names[position]).decode("latin-1"))
        pyvips.glib_lib.g_free(names[position])
        position += 1
    pyvips.glib_lib.g_free(names)
    return found
