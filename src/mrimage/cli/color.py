"""Colors for people at a terminal. A file, a pipe, ``NO_COLOR`` and a dumb terminal get none."""

from __future__ import annotations

import os
from typing import TextIO

BOLD = "1"
RED = "31"
YELLOW = "33"


def painted(text: str, color: str, stream: TextIO) -> str:
    """Return ``text`` with the codes of a color, if ``stream`` is a terminal that shows colors.

    ``NO_COLOR`` is the convention of https://no-color.org.
    """
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if is_plain or not stream.isatty():
        return text
    return f"\033[{color}m{text}\033[0m"
