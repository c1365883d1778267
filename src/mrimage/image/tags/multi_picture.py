"""The index of a JPEG that holds several pictures (Multi-Picture Format, CIPA DC-007)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mrimage.image.tags.directory import tree_of

MPF = b"MPF\x00"
"""Head of the segment of the main picture that holds the index."""

_NUMBER_OF_PICTURES = 0xB001
_ENTRIES = 0xB002
"""The tag MPEntry (CIPA DC-007, 5.2.3): 16 bytes for each picture of the file."""

_MOST_LISTED = 16
_MOST_PICTURES = 1000


def picture_count(index: bytes) -> int:
    """Return how many pictures an index says that there are; 1 for a damaged one."""
    tree = tree_of(index)
    number = tree.first.integer(_NUMBER_OF_PICTURES) if tree else None
    if number is None or not 0 < number < _MOST_PICTURES:
        return 1
    return number


def other_pictures(index: bytes, base: int) -> Iterator[tuple[int, int]]:
    """Yield start and length in the file, in bytes, of each picture after the main one.

    ``base`` is where ``index``, the segment without its head, begins in the file.
    """
    tree = tree_of(index)
    if tree is None:
        return
    entries = tree.first.raw(_ENTRIES) or b""
    # A damaged index may end within an entry.
    count = min(len(entries) // 16, _MOST_LISTED)
    entries = entries[: 16 * count]
    for _, length, offset, _, _ in struct.iter_unpack(f"{tree.order}IIIHH", entries):
        # The offset of the main picture is 0.
        if offset:
            yield base + offset, length
