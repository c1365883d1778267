"""JPEG files that lack the end marker but no pixel. Some cameras write them, with a trailer of
their own at the end.

Only a decode shows whether the last block is there. So this module puts the marker where it
belongs, and a strict decode of the result decides: it fails if the entropy-coded data end too soon.
"""

from __future__ import annotations

import re

from mrimage.image.header.model import Header

_END = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_BETWEEN_SCANS = frozenset([0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE])
"""Markers allowed between two scans (ITU-T T.81, B.2.4): tables, application data, comments."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker in entropy-coded data that is neither a stuffed byte nor a restart."""

_FILLING = b"\x00" * 32
"""Zeros that a broken download or a trailer leaves.

Decoded as entropy-coded data they would give some blocks. So the last scan ends before them, and a
scan that needs them is not complete.
"""

_COEFFICIENTS = 64
"""DCT coefficients of a block."""


def with_end_marker(data: bytes, header: Header) -> bytes | None:
    """``data`` up to the end of its last scan, and an end marker.

    None if the scan already has its marker, or if scans are missing. ``header.body`` is where the
    entropy-coded data of the first scan begin.
    """
    missing = [set(range(_COEFFICIENTS)) for _ in range(header.bands)]
    components: list[int] = []
    body = header.body
    end = body
    # Walk over the scans: ``start`` is where a scan's header begins, ``position`` where its
    # entropy-coded data begin.
    position = body
    start = data.rfind(bytes((0xFF, _START_OF_SCAN)), 0, position)
    while start >= 0:
        _remove_coded(missing, components, data[start + 4 : position])
        found = _MARKER.search(data, position)
        end = found.start() if found else len(data)
        body = position
        start, position = _next_scan(data, end)
    has_marker = data[end : end + 2] == _END
    if has_marker or any(missing):
        return None
    filling = data.find(_FILLING, body, end)
    if filling >= 0:
        end = filling
    return data[:end] + _END


def _remove_coded(missing: list[set[int]], components: list[int], scan: bytes) -> None:
    """Remove from ``missing`` the coefficients that a scan completes, given the body of its header.

    ``missing`` has a set for each component, and ``components`` their identifiers, both in the
    order in which scans first name them. See ITU-T T.81, B.2.3 and G.1.2.
    """
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return
    first, last, approximation = scan[1 + 2 * count : 4 + 2 * count]
    if approximation & 0x0F:
        return  # A later scan has the bits that this one leaves out.
    for component in scan[1 : 1 + 2 * count : 2]:
        if component not in components:
            components.append(component)
        index = components.index(component)
        if index < len(missing):
            missing[index] -= set(range(first, last + 1))


def _next_scan(data: bytes, position: int) -> tuple[int, int]:
    """Where the next scan's header begins, and where its data begin.

    (-1, -1) unless only segments that are allowed between scans come before it.
    """
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        marker = data[position + 1]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _START_OF_SCAN:
            return position, position + 2 + length
        if marker not in _BETWEEN_SCANS:
            break
        position += 2 + length
    return -1, -1
