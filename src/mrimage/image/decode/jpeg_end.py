"""JPEG files that lack the end marker but not a pixel, as some cameras write them before a trailer of their own.

Whether the last block is there is not to be seen without decoding. So the marker is put where it belongs, and a
strict decode of that decides: it complains where entropy-coded data end too soon.
"""

from __future__ import annotations

import re

from mrimage.image.header.model import Header

_END = b"\xff\xd9"
_SCAN = 0xDA
_BETWEEN_SCANS = frozenset([0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE])
"""Markers that may stand between two scans (ITU-T T.81, B.2.4): tables, application data, comments."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker in entropy-coded data that is neither a stuffed byte nor a restart."""

_FILLING = b"\x00" * 32
"""Zeros that a broken download or a trailer leaves. As entropy-coded data they would decode to blocks of some kind, so
the last scan is taken to end before them: a scan that needs them is not whole."""

_COEFFICIENTS = 64


def ended(data: bytes, header: Header) -> bytes | None:
    """``data`` up to the end of its last scan, and an end marker; None if it has that marker, or scans are missing.

    ``header.body`` is where the entropy-coded data of the first scan begin.
    """
    missing = [set(range(_COEFFICIENTS)) for _ in range(header.bands)]
    numbers: list[int] = []
    position = end = body = header.body
    start = data.rfind(bytes((0xFF, _SCAN)), 0, position)
    while start >= 0:
        _take_off(missing, numbers, data[start + 4 : position])
        found = _MARKER.search(data, position)
        end, body = found.start() if found else len(data), position
        start, position = _next_scan(data, end)
    if data[end : end + 2] == _END or any(missing):
        return None
    filling = data.find(_FILLING, body, end)
    end = filling if filling >= 0 else end
    return data[:end] + _END


def _take_off(missing: list[set[int]], numbers: list[int], scan: bytes) -> None:
    """Take off ``missing`` the coefficients that a scan brings to their last bit (ITU-T T.81, B.2.3 and G.1.2).

    ``numbers`` are the identifiers of the components in the order in which scans named them.
    """
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return
    first, last, approximation = scan[1 + 2 * count : 4 + 2 * count]
    if approximation & 0x0F:
        return  # A later scan brings the bits that are left out here.
    for component in scan[1 : 1 + 2 * count : 2]:
        if component not in numbers:
            numbers.append(component)
        if numbers.index(component) < len(missing):
            missing[numbers.index(component)] -= set(range(first, last + 1))


def _next_scan(data: bytes, position: int) -> tuple[int, int]:
    """Where the next scan's header and its data begin, if only what may stand between scans is before it; else -1, -1."""
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        marker = data[position + 1]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _SCAN:
            return position, position + 2 + length
        if marker not in _BETWEEN_SCANS:
            break
        position += 2 + length
    return -1, -1
