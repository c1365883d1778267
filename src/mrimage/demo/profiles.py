"""The Adobe RGB (1998) profile, written by hand: no package that we may depend on carries one."""

from __future__ import annotations

import struct

RED, GREEN, BLUE = (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
"""XYZ of the primaries, adapted to D50 with the Bradford matrix. Adobe RGB (1998) Color Image Encoding, annex A."""
WHITE = (0.95045, 1.0, 1.08905)
GAMMA = 563 / 256


def adobe_rgb() -> bytes:
    """A matrix profile of ICC version 2.1 (ICC.1:1998-09): a header, a table of tags, and the tags."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(GAMMA * 256))
    tags = {
        b"desc": _description("Adobe RGB (1998)"),
        b"cprt": b"text" + bytes(4) + b"Public domain\0",
        b"wtpt": _xyz(*WHITE),
        b"rXYZ": _xyz(*RED),
        b"gXYZ": _xyz(*GREEN),
        b"bXYZ": _xyz(*BLUE),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return _header(start + len(body)) + table + body


def _header(size: int) -> bytes:
    created = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    kind = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    rest = b"acsp" + bytes(4 + 4 + 4 + 4 + 8 + 4) + _fixed(0.9642, 1.0, 0.8249)
    return (kind + created + rest).ljust(128, b"\0")


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _description(text: str) -> bytes:
    ascii_text = text.encode() + b"\0"
    unicode_and_script = bytes(4 + 4 + 2 + 1 + 67)
    return b"desc" + bytes(4) + struct.pack(">I", len(ascii_text)) + ascii_text + unicode_and_script
