"""The text chunks of a PNG (PNG specification, third edition, 11.3.3)."""

from __future__ import annotations

import re
import zlib

TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")

LONGEST_KEYWORD = 79
"""Bytes."""

_RAW_PROFILE = re.compile(rb"\s*[^\s]{1,20}\s+(\d{1,9})\s+([0-9a-fA-F\s]*)")


def keyword_of(chunk: bytes) -> bytes:
    """Return the keyword at the start of a text chunk, in Latin-1."""
    head = chunk[: LONGEST_KEYWORD + 1]
    keyword, _, _ = head.partition(b"\x00")
    return keyword


def text_of(name: bytes, chunk: bytes, longest: int) -> bytes:
    """Return the text of the chunk called ``name``, decompressed.

    Returns at most ``longest`` bytes, and none if the chunk is damaged.
    """
    text = chunk.partition(b"\x00")[2]
    compressed = name == b"zTXt"
    if name == b"zTXt":
        # The compression method comes first.
        text = text[1:]
    elif name == b"iTXt":
        # Compression flag and method, language and translated keyword come first.
        compressed = text[:1] == b"\x01"
        text = text[2:].split(b"\x00", 2)[-1]
    if not compressed:
        return text[:longest]
    try:
        return zlib.decompressobj().decompress(text, longest)
    except zlib.error:
        return b""


def raw_profile(text: bytes) -> bytes | None:
    """Return the bytes of a profile that ImageMagick wrote as text; None for other text.

    The text has the name of the profile, its length in bytes, and as many pairs of hexadecimal
    digits. Anything after them is ignored.
    """
    match = _RAW_PROFILE.match(text)
    if match is None:
        return None
    length = int(match[1])
    digits = b"".join(match[2].split())[: 2 * length]
    # A cut text may end in half a pair.
    whole = len(digits) // 2 * 2
    return bytes.fromhex(digits[:whole].decode("ascii")) or None
