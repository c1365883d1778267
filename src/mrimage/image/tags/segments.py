"""Segments, of which everything in a JPEG but its pixels is made (ITU-T T.81, B.1.1.4)."""

from __future__ import annotations

import struct


def segment(marker: int, body: bytes) -> bytes:
    """A segment whose marker is 0xFF and ``marker``. ``body`` has at most 65,533 bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
