"""One small picture, written for every decoder, depth and kind of alpha that an encoder here can write, or that can be
put together byte by byte."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pyvips
import tifffile
from PIL import Image as Pillow
from tests.image.crafted import box, icon, photoshop, png_with, segment, tiff
from tests.image.samples import opened, saved

WIDE, HIGH, CORNER = 48, 32, 16
BLOCK = (0.8, 0.4, 0.2)
FIELD = (0.2, 0.5, 0.7)
ALPHA = 0.5
"""The picture: a block in its upper left corner on a field of another color, and what of both is seen, 0..1."""

Pixels = np.ndarray


def picture(alpha: str) -> Pixels:
    """float H x W x 3, or x 4 unless ``alpha`` is ``none``: as displayed, colors not multiplied by alpha."""
    pixels = np.empty((HIGH, WIDE, 4))
    pixels[...] = (*FIELD, ALPHA)
    pixels[:CORNER, :CORNER] = (*BLOCK, ALPHA)
    return pixels[..., :3] if alpha == "none" else pixels


def multiplied(pixels: Pixels, alpha: str) -> Pixels:
    """``pixels`` as a file with that kind of alpha stores them."""
    return (
        np.dstack([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]])
        if alpha == "associated"
        else pixels
    )


def as_stored(pixels: Pixels, orientation: int) -> Pixels:
    """``pixels`` in the frame from which EXIF's ``orientation`` makes them upright (CIPA DC-008, 4.6.5)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def whole(pixels: Pixels, bits: int) -> Pixels:
    """``pixels`` as whole numbers of that many bits."""
    return np.rint(pixels * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def exif(orientation: int) -> bytes:
    """A TIFF block that says nothing else."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00" * 4


@dataclass(frozen=True)
class Case:
    """A file of one decoder. ``make(pixels, orientation)`` writes ``pixels`` as stored, which are ``multiplied`` already;
    ``lossy`` is how far a value may be off besides rounding; ``turns`` says that the format has an orientation."""

    name: str
    depth: str
    alpha: str
    make: Callable[[Pixels, int], bytes]
    lossy: float = 0.0
    turns: bool = True
    linear: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {self.depth}, {self.alpha}"

    @property
    def within(self) -> float:
        """How far a value may be off, of 1: three levels, for a rounded color is divided by a rounded alpha of a half."""
        return self.lossy + 3 / ((1 << (16 if self.depth == "float" else int(self.depth))) - 1)

    def content(self, orientation: int) -> bytes:
        return self.make(
            as_stored(multiplied(picture(self.alpha), self.alpha), orientation), orientation
        )


def cases() -> Iterator[Case]:
    """Every case."""
    yield from _jpeg()
    yield from _by_libvips()
    yield from _tiff()
    yield from _heif()
    yield from _jxl()
    yield from _jp2()
    yield from _others()


def _jpeg() -> Iterator[Case]:
    def baseline(pixels: Pixels, orientation: int) -> bytes:
        content = saved(Pillow.fromarray(whole(pixels, 8)), "JPEG", quality=95)
        return content[:2] + segment(0xE1, b"Exif\x00\x00" + exif(orientation)) + content[2:]

    def lossless(bits: int) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            content = bytes(
                imagecodecs.jpeg_encode(whole(pixels, bits), lossless=True, bitspersample=bits)
            )
            return content[:2] + segment(0xE1, b"Exif\x00\x00" + exif(orientation)) + content[2:]

        return make

    yield Case("jpeg by simplejpeg", "8", "none", baseline, 4 / 255)
    for bits in (12, 16):
        yield Case("jpeg by imagecodecs", str(bits), "none", lossless(bits))


def _by_libvips() -> Iterator[Case]:
    def png(bits: int) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            image = pyvips.Image.new_from_array(whole(pixels, bits))
            image = image.copy(interpretation="srgb" if bits == 8 else "rgb16")
            return png_with(bytes(image.pngsave_buffer(keep="none")), (b"eXIf", exif(orientation)))

        return make

    def webp(pixels: Pixels, orientation: int) -> bytes:
        return saved(
            Pillow.fromarray(whole(pixels, 8)),
            "WEBP",
            lossless=True,
            exact=True,
            exif=exif(orientation),
        )

    for alpha in ("none", "straight"):
        for bits in (8, 16):
            yield Case("png by libvips", str(bits), alpha, png(bits))
        yield Case("webp by libvips", "8", alpha, webp)
    yield Case(
        "gif by libvips",
        "8",
        "none",
        lambda p, _: saved(Pillow.fromarray(whole(p, 8)), "GIF"),
        turns=False,
    )


_EXTRA: dict[str, tuple[str, ...]] = {
    "none": (),
    "straight": ("UNASSALPHA",),
    "associated": ("ASSOCALPHA",),
}
_LAYOUTS: dict[str, dict[str, Any]] = {
    "deflate": {"compression": "zlib"},
    "planes": {"planarconfig": "separate"},
    "zstandard": {"compression": "zstd"},
    "lzma": {"compression": "lzma"},
    "tiles of planes": {"planarconfig": "separate", "tile": (16, 16)},
}
"""The first two are read by libvips, the others by Pillow with 8 bits and by tifffile with more."""


def _tiff() -> Iterator[Case]:
    def written(depth: str, alpha: str, layout: dict[str, Any]) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            stored = pixels.astype(np.float32) if depth == "float" else whole(pixels, int(depth))
            if layout.get("planarconfig"):
                stored = np.moveaxis(stored, -1, 0)
            stream = io.BytesIO()
            tags = [(274, "H", 1, orientation, True)]
            tifffile.imwrite(
                stream,
                stored,
                photometric="rgb",
                extrasamples=_EXTRA[alpha],
                extratags=tags,
                metadata=None,
                **layout,
            )
            return stream.getvalue()

        return make

    for layout, options in _LAYOUTS.items():
        for depth in ("8", "16", "float"):
            for alpha in _EXTRA:
                make = written(depth, alpha, options)
                yield Case(f"tiff, {layout}", depth, alpha, make, linear=depth == "float")
    for alpha, extra in (("none", ()), ("straight", (2,)), ("associated", (1,))):
        yield Case("tiff by tifffile, packed", "12", alpha, _packed(extra))


def _packed(extra: tuple[int, ...]) -> Callable[[Pixels, int], bytes]:
    """A TIFF whose samples of 12 bits stand one behind the other."""

    def make(pixels: Pixels, orientation: int) -> bytes:
        rows = whole(pixels, 12).reshape(pixels.shape[0], -1, 2).astype(np.uint32)
        numbers = rows[..., 0] << 12 | rows[..., 1]
        packed = (
            np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1)
            .astype(np.uint8)
            .tobytes()
        )
        tags = {274: (3, 1, struct.pack("<H", orientation))}
        more: dict[str, object] = {"extra": extra} if extra else {}
        return tiff(packed, pixels.shape[1::-1], 12, 2, pixels.shape[2], tags=tags, **more)

    return make


def _heif() -> Iterator[Case]:
    def heic(bits: int, alpha: str) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            stored = whole(pixels, 8) if bits == 8 else whole(pixels, 16)
            mode = ("RGB" if alpha == "none" else "RGBA") + ("" if bits == 8 else ";16")
            file = pillow_heif.from_bytes(
                mode=mode, size=stored.shape[1::-1], data=stored.tobytes()
            )
            if alpha == "associated":
                file.premultiplied_alpha = True
            stream = io.BytesIO()
            before, pillow_heif.options.SAVE_HDR_TO_12_BIT = (
                pillow_heif.options.SAVE_HDR_TO_12_BIT,
                bits == 12,
            )
            try:
                file.save(stream, quality=95, chroma=444, exif=b"Exif\x00\x00" + exif(orientation))
            finally:
                pillow_heif.options.SAVE_HDR_TO_12_BIT = before
            return stream.getvalue()

        return make

    def avif(bits: int) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            image = pyvips.Image.new_from_array(whole(pixels, 16)).copy(interpretation="rgb16")
            return bytes(
                image.heifsave_buffer(
                    compression="av1", bitdepth=bits, Q=95, effort=0, subsample_mode="off"
                )
            )

        return make

    def avif_by_pillow(alpha: str) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, orientation: int) -> bytes:
            if alpha == "associated":  # The encoder multiplies by alpha itself.
                pixels = np.dstack([pixels[..., :3] / pixels[..., 3:], pixels[..., 3:]])
            image = Pillow.fromarray(whole(pixels, 8))
            premultiplied = alpha == "associated"
            return saved(
                image,
                "AVIF",
                quality=95,
                subsampling="4:4:4",
                speed=10,
                exif=exif(orientation),
                alpha_premultiplied=premultiplied,
            )

        return make

    for alpha in _EXTRA:
        yield Case("avif by libvips", "8", alpha, avif_by_pillow(alpha), 5 / 255)
        for bits in (8, 10, 12):
            yield Case("heic by pillow-heif", str(bits), alpha, heic(bits, alpha), 5 / 255)
    for alpha in ("none", "straight"):
        for bits in (10, 12):
            yield Case("avif by libvips", str(bits), alpha, avif(bits), 5 / 255, turns=False)


def _jxl() -> Iterator[Case]:
    def by_imagecodecs(depth: str, alpha: str) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, _: int) -> bytes:
            if depth == "float":
                content = bytes(imagecodecs.jpegxl_encode(pixels.astype(np.float32), lossless=True))
            else:
                bits = int(depth)
                content = bytes(
                    imagecodecs.jpegxl_encode(
                        whole(pixels, bits), lossless=True, bitspersample=bits
                    )
                )
            return associated_jxl(content) if alpha == "associated" else content

        return make

    for depth in ("8", "9", "10", "12", "14", "15", "16", "float"):
        library = "pillow-jxl" if depth == "8" else "imagecodecs"
        for alpha in ("none", "straight") if depth in ("8", "float") else _EXTRA:
            yield Case(f"jxl by {library}", depth, alpha, by_imagecodecs(depth, alpha), turns=False)


def associated_jxl(content: bytes) -> bytes:
    """A JPEG XL whose alpha is said to be associated: the header is looked for the bit, which is set."""
    start = content.index(b"\xff\x0a") + 2
    number = int.from_bytes(content[start : start + 40], "little")
    for bit in range(8 * 40):
        if not number >> bit & 1:
            changed = (number | 1 << bit).to_bytes(40, "little")
            candidate = content[:start] + changed + content[start + 40 :]
            if _only_associated(content, candidate):
                return candidate
    raise AssertionError("Expected a header with a flag for associated alpha.")


def _only_associated(before: bytes, after: bytes) -> bool:
    try:
        one, other = opened(before)._header, opened(after)._header
    except Exception:  # noqa: BLE001 - most bits break the header
        return False
    differing = [
        name for name in one.__dataclass_fields__ if getattr(one, name) != getattr(other, name)
    ]
    return differing == ["associated"]


def _jp2() -> Iterator[Case]:
    def make(bits: int, alpha: str) -> Callable[[Pixels, int], bytes]:
        def written(pixels: Pixels, orientation: int) -> bytes:
            stored = whole(pixels, bits)
            content = bytes(
                imagecodecs.jpeg2k_encode(stored, level=0, reversible=True, bitspersample=bits)
            )
            kinds = [
                (0, 0, 1),
                (1, 0, 2),
                (2, 0, 3),
                *([(3, 1 if alpha == "straight" else 2, 0)] * (alpha != "none")),
            ]
            channels = struct.pack(">H", len(kinds)) + b"".join(
                struct.pack(">3H", *kind) for kind in kinds
            )
            uuid = box(b"uuid", b"JpgTiffExif->JP2", exif(orientation))
            start = content.index(b"jp2h") - 4
            length = int.from_bytes(content[start : start + 4], "big")
            described = box(b"jp2h", content[start + 8 : start + length], box(b"cdef", channels))
            return content[:start] + described + uuid + content[start + length :]

        return written

    for bits in (8, 10, 12, 16):
        library = "Pillow" if bits == 8 else "imagecodecs"
        for alpha in _EXTRA:
            yield Case(f"jp2 by {library}", str(bits), alpha, make(bits, alpha))


def _others() -> Iterator[Case]:
    def plain(format: str) -> Callable[[Pixels, int], bytes]:
        return lambda pixels, _: saved(Pillow.fromarray(whole(pixels, 8)), format)

    def planes(depth: str) -> Callable[[Pixels, int], bytes]:
        def make(pixels: Pixels, _: int) -> bytes:
            stored = pixels.astype(np.float32) if depth == "float" else whole(pixels, int(depth))
            return photoshop(
                np.moveaxis(stored, -1, 0), 3, layers=-1 if pixels.shape[2] == 4 else 0
            )

        return make

    def portable(bits: int) -> Callable[[Pixels, int], bytes]:
        head = f"P6 {WIDE} {HIGH} {(1 << bits) - 1}\n".encode()
        return lambda pixels, _: (
            head + whole(pixels, bits).astype(">u2" if bits > 8 else "u1").tobytes()
        )

    def float_map(pixels: Pixels, _: int) -> bytes:
        return f"PF {WIDE} {HIGH} -1.0\n".encode() + pixels[::-1].astype("<f4").tobytes()

    yield Case("bmp by Pillow", "8", "none", plain("BMP"), turns=False)
    for alpha in ("none", "straight"):
        yield Case("tga by Pillow", "8", alpha, plain("TGA"), turns=False)
        yield Case("ico by libvips", "8", alpha, lambda p, o: icon(plain("PNG")(p, o)), turns=False)
        for depth in ("8", "16", "float"):
            yield Case("psd", depth, alpha, planes(depth), turns=False, linear=depth == "float")
    for bits in (8, 10, 12, 16):
        yield Case("ppm", str(bits), "none", portable(bits), turns=False)
    yield Case("ppm", "float", "none", float_map, turns=False)
