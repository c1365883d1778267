"""The text chunks of a PNG (PNG specification, third edition, 11.3.3)."""

from __future__ import annotations

import re
import zlib

TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
LONGEST_KEYWORD = 79

_PROFILE = re.compile(rb"\s*[^\s]{1,20}\s+(\d{1,9})\s+([0-9a-fA-F\s]*)")


def keyword_of(chunk: bytes) -> bytes:
    """The keyword at the start of a chunk, in Latin-1."""
    return chunk[: LONGEST_KEYWORD + 1].partition(b"\x00")[0]


def text_of(kind: bytes, chunk: bytes, longest: int) -> bytes:
    """The text behind the keyword of a chunk of that ``kind``, unpacked, up to ``longest`` bytes; nothing where it is
    damaged."""
    rest = chunk.partition(b"\x00")[2]
    packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\x01")
    if kind == b"iTXt":  # compression flag and method, language, translated keyword
        rest = rest[2:].split(b"\x00", 2)[-1]
    elif kind == b"zTXt":
        rest = rest[1:]
    try:
        return zlib.decompressobj().decompress(rest, longest) if packed else rest[:longest]
    except zlib.error:
        return b""


def raw_profile(text: bytes) -> bytes | None:
    """The bytes of a profile that ImageMagick wrote as text: its name, how many bytes it has, and as many pairs of
    hexadecimal digits. What follows these is left out."""
    match = _PROFILE.match(text)
    if match is None:
        return None
    digits = b"".join(match[2].split())[: 2 * int(match[1])]
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii")) or None
