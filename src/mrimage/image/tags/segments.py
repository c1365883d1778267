"""Segments, of which a JPEG consists, except for its entropy-coded data (ITU-T T.81, B.1.1.4)."""

from __future__ import annotations

import struct


def segment(marker: int, body: bytes) -> bytes:
    """Return a segment with the marker 0xFF ``marker`` and a body of at most 65,533 bytes."""
    # The length counts its own two bytes.
    length = len(body) + 2
    head = struct.pack(">BBH", 0xFF, marker, length)
    return head + body
