"""Files that no library here writes, put together byte by byte."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def tiff(
    pixels: bytes, size: tuple[int, int], bits: int, photometric: int, samples: int, **more: object
) -> bytes:
    """A little-endian TIFF of one uncompressed strip; ``extra`` are its ExtraSamples, ``format`` its SampleFormat,
    ``following`` the offset of its next directory, ``tags`` are further (type, count, value)."""

    def shorts(*values: int) -> tuple[int, int, bytes]:
        return 3, len(values), struct.pack(f"<{len(values)}H", *values)

    tags = {
        256: shorts(size[0]),
        257: shorts(size[1]),
        258: shorts(*[bits] * samples),
        259: shorts(1),
        262: shorts(photometric),
        273: (4, 1, b"\x00" * 4),
        277: shorts(samples),
        278: shorts(size[1]),
        279: (4, 1, struct.pack("<I", len(pixels))),
        339: shorts(*[int(str(more.get("format", 1)))] * samples),
    }
    if "extra" in more:
        tags[338] = shorts(*more["extra"])  # type: ignore[misc]
    tags.update(more.get("tags", {}))  # type: ignore[call-overload]
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = (
        4,
        1,
        struct.pack(
            "<I", start + sum(len(value) for _, _, value in tags.values() if len(value) > 4)
        ),
    )
    table = heap = b""
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value
        if len(value) > 4:
            place, heap = struct.pack("<I", start + len(heap)), heap + value
        table += struct.pack("<HHI", tag, kind, count) + place.ljust(4, b"\x00")
    head = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags))
    return head + table + struct.pack("<I", int(str(more.get("following", 0)))) + heap + pixels


def photoshop(
    planes: np.ndarray, mode: int, *, large: bool = False, packed: bool = False, layers: int = 0
) -> bytes:
    """A PSD, or a ``large`` PSB, of ``planes`` (channels x H x W, uint8, uint16 or float32) with nothing but its composite and,
    where ``layers`` is not 0, the number of its layers."""
    channels, height, width = planes.shape
    wide = ">Q" if large else ">I"
    section = struct.pack(wide, 2) + struct.pack(">h", layers) + b"\x00" * 2 if layers else b""
    head = b"8BPS" + struct.pack(">H", 2 if large else 1) + b"\x00" * 6
    head += struct.pack(">HIIHH", channels, height, width, 8 * planes.itemsize, mode)
    head += b"\x00" * 8 + struct.pack(wide, len(section)) + section
    rows = [
        row.astype(planes.dtype.newbyteorder(">")).tobytes() for plane in planes for row in plane
    ]
    if not packed:
        return head + b"\x00\x00" + b"".join(rows)
    runs = [
        b"".join(
            bytes((len(row[at : at + 128]) - 1,)) + row[at : at + 128]
            for at in range(0, len(row), 128)
        )
        for row in rows
    ]
    lengths = struct.pack(f">{len(runs)}{'I' if large else 'H'}", *map(len, runs))
    return head + b"\x00\x01" + lengths + b"".join(runs)


def png_with(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The PNG ``content`` with ``chunks`` put in before the pixels."""
    return content[:33] + b"".join(chunk(*found) for found in chunks) + content[33:]


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def box(name: bytes, *bodies: bytes) -> bytes:
    """A box of an AVIF, a HEIC, a JP2 or a JPEG XL."""
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def icon(picture: bytes, bits: int = 32) -> bytes:
    """An icon of one picture, a PNG or a BMP without its file header, which is said to have 256 x 256 pixels."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, bits, len(picture), 22) + picture


def jpeg_xl_head(width: int, height: int) -> bytes:
    """The first bytes of a codestream of that size, with everything else as it is by default."""
    bits = "".join(
        f"{value:0{count}b}"[::-1]
        for value, count in [
            (0, 1),
            (2, 2),
            (height - 1, 18),
            (0, 3),
            (2, 2),
            (width - 1, 18),
            (1, 1),
        ]
    )
    return b"\xff\x0a" + int(bits[::-1], 2).to_bytes(len(bits) // 8 + 1, "little") + b"\x00" * 16


def fits(planes: np.ndarray, zero: int = 0, **cards: object) -> bytes:
    """A FITS file of ``planes`` (planes x H x W), whose rows go from bottom to top."""
    values = {
        "SIMPLE": "T",
        "BITPIX": -8 * planes.itemsize if planes.dtype.kind == "f" else 8 * planes.itemsize,
        "NAXIS": 3 if len(planes) > 1 else 2,
        "NAXIS1": planes.shape[2],
        "NAXIS2": planes.shape[1],
    }
    values |= {"NAXIS3": len(planes)} if len(planes) > 1 else {}
    values |= {"BZERO": zero, "BSCALE": 1} if zero else {}
    lines = [f"{name:8}= {value!s:>20} / a fact" for name, value in (values | cards).items()]
    head = "".join(f"{line:80}" for line in (*lines, "END"))
    body = planes[:, ::-1].astype(planes.dtype.newbyteorder(">")).tobytes()
    return head.ljust(2880).encode() + body + b"\x00" * (-len(body) % 2880)


def pam(pixels: np.ndarray, top: int, kind: str) -> bytes:
    """A PAM of ``pixels`` (H x W x depth) of 8 or 16 bits."""
    height, width, depth = pixels.shape
    head = f"P7\n# a comment\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {top}\nTUPLTYPE {kind}\nENDHDR\n"
    return head.encode() + pixels.astype(">u2" if top > 255 else "u1").tobytes()


def os2(bmp: bytes, size: int, *, array: bool = False) -> bytes:
    """The BMP of Windows ``bmp`` with a header of OS/2 2.x of ``size`` bytes, or as the one bitmap of an ``array``."""
    info = bmp[18:54]
    start = struct.unpack("<I", bmp[10:14])[0] + size - 40 + (14 if array else 0)
    found = (
        bmp[:10] + struct.pack("<II", start, size) + info.ljust(60, b"\x00")[: size - 4] + bmp[54:]
    )
    return b"BA" + struct.pack("<IIHH", 40, 0, 0, 0) + found if array else found


Tag = tuple[int, int, bytes]
"""Type, count and little-endian value of a TIFF tag."""


def text_tag(text: str) -> Tag:
    value = text.encode() + b"\x00"
    return 2, len(value), value


def rational_tag(*numbers: tuple[int, int], signed: bool = False) -> Tag:
    kind, code = (10, "i") if signed else (5, "I")
    return kind, len(numbers), b"".join(struct.pack(f"<2{code}", *number) for number in numbers)


def exif(
    first: dict[int, Tag], detail: dict[int, Tag] | None = None, gps: dict[int, Tag] | None = None
) -> bytes:
    """An EXIF block of a first directory, an EXIF directory and a GPS directory."""
    branches = {
        pointer: tags for pointer, tags in ((0x8769, detail), (0x8825, gps)) if tags is not None
    }

    def directory(tags: dict[int, Tag], pointers: dict[int, dict[int, Tag]], at: int) -> bytes:
        numbers = sorted({*tags, *pointers})
        table, heap, start = b"", b"", at + 6 + 12 * len(numbers)
        for number in numbers:
            if number in pointers:
                kind, count, value = 4, 1, struct.pack("<I", start + len(heap))
                heap += directory(pointers[number], {}, start + len(heap))
            else:
                kind, count, value = tags[number]
            if len(value) > 4:
                value, place = struct.pack("<I", start + len(heap)), value
                heap += place + b"\x00" * (len(place) & 1)
            table += struct.pack("<HHI", number, kind, count) + value.ljust(4, b"\x00")
        return struct.pack("<H", len(numbers)) + table + b"\x00" * 4 + heap

    return b"II*\x00\x08\x00\x00\x00" + directory(first, branches, 8)


def jpeg_with(content: bytes, *segments: tuple[int, bytes]) -> bytes:
    """The JPEG ``content`` with ``segments`` put in behind its first marker."""
    return content[:2] + b"".join(segment(*found) for found in segments) + content[2:]


def png_ending_with(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """The PNG ``content`` with ``chunks`` put in between the pixels and its end."""
    return content[:-12] + b"".join(chunk(*found) for found in chunks) + content[-12:]


def xmp(**properties: str) -> bytes:
    """An XMP packet of simple properties, such as ``tiff__Make="Acme"``."""
    spaces = {
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "exifEX": "http://cipa.jp/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "tiff": "http://ns.adobe.com/tiff/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
    }
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in spaces.items())
    fields = "".join(f' {name.replace("__", ":")}="{text}"' for name, text in properties.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{declared}{fields}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def iptc(*datasets: tuple[int, str]) -> bytes:
    """An IPTC block of texts in record 2, by their numbers."""
    return b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text.encode()
        for number, text in datasets
    )


def photoshop_segment(block: bytes) -> tuple[int, bytes]:
    """The segment of a JPEG with an IPTC block."""
    resource = (
        b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(block)) + block + b"\x00" * (len(block) & 1)
    )
    return 0xED, b"Photoshop 3.0\x00" + resource
