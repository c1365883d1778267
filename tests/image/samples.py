"""Small real files of every format, made from one photograph and one drawing, for the tests of the image kernel."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import pyvips
import simplejpeg
from PIL import Image as Pillow
from skimage import data

from mrimage.image import Buffer, Image
from mrimage.types import Limits


def opened(content: bytes, limits: Limits = Limits()) -> Image:  # noqa: B008 - Limits is frozen
    """The kernel's handle on bytes in memory."""
    return Image(Buffer(content), limits)


def pixels_of(content: bytes) -> np.ndarray:
    """The pixels of a file as Pillow, which the kernel does not use for these formats, decodes them."""
    return np.asarray(Pillow.open(io.BytesIO(content)))


@cache
def photograph(width: int = 320, height: int = 213) -> Pillow.Image:
    """A real photograph (scikit-image's cat), 8-bit RGB."""
    return Pillow.fromarray(data.chelsea()).resize((width, height), Pillow.Resampling.LANCZOS)


def saved(image: Pillow.Image, format: str, **options: object) -> bytes:
    """``image`` written by Pillow."""
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def _vips(
    suffix: str,
    change: Callable[[pyvips.Image], pyvips.Image] = lambda image: image,
    **options: object,
) -> bytes:
    array = np.asarray(photograph())
    return bytes(change(pyvips.Image.new_from_array(array)).write_to_buffer(suffix, **options))


def _with_hole() -> Pillow.Image:
    image = photograph().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 160, 213))
    return image


def _ycck() -> bytes:
    inks = 255 - np.asarray(photograph().convert("CMYK"))  # Adobe writes inks inverted
    return bytes(
        simplejpeg.encode_jpeg(inks, quality=90, colorspace="CMYK", colorsubsampling="444")
    )


def _psd() -> bytes:
    head = b"8BPS\x00\x01" + b"\x00" * 6 + struct.pack(">HIIHH", 3, 213, 320, 8, 3)
    return head + b"\x00" * 12 + b"\x00\x00" + np.asarray(photograph()).transpose(2, 0, 1).tobytes()


def _big_endian() -> bytes:
    pixels = np.asarray(photograph()).astype(">u2") * 257
    tags = {
        256: 320,
        257: 213,
        258: 16,
        259: 1,
        262: 2,
        273: 0,
        277: 3,
        278: 213,
        279: pixels.nbytes,
    }
    body = struct.pack(">H", len(tags))
    depths = 8 + 2 + 12 * len(tags) + 4
    for tag, value in (tags | {273: depths + 6}).items():
        body += (
            struct.pack(">HHII", tag, 3, 3, depths)
            if tag == 258
            else struct.pack(">HHII", tag, 4, 1, value)
        )
    return (
        b"MM\x00*\x00\x00\x00\x08"
        + body
        + b"\x00" * 4
        + struct.pack(">3H", 16, 16, 16)
        + pixels.tobytes()
    )


ARITHMETIC = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV01yid4h#wq4h;?x5fBp?C>j_R78o%jB^@X_Gd(;xGdMRuNL)@pL{~*OI8bd-"
    "S6^ahXlFi6ad~iLcwA*?WB=O#Lje&I5*QU2FB%#zV?sDWV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`F1uV`Klx"
    "01*fPFaSsc0U`hb5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zfBX=5qVdh5mJ`peW~%@5LupkRI$*gJ-"
    "H5s|%{C7Hg!Y6ha$cttHJS82zFZ&1tt-38cq3~Mwc>f?x*`{#d)2>_Uw$y(^P0O{RthqNbVY32rgep=%5h+qoUQy#-8WEGJy2Z&Ea_F-"
    "C(VLZ{cHzo#g^DaKt&z~Jg{l%8`u&D{Aig=cd#{sn)+C8(M4U<yxjYLLse%L0Rq}=$SH4g<n)qVbC6(sj(OU5{rN`Vf-"
    "=Jk}Zyq@{ZSrsWz+8|%!!C~qN<TL%-i}-ovt*}DaECyeWE*-nMUoEuo3!F(tyUpuHME75gH{~c%s9;#Ue*Q0P4XZX_m*58!ctq&lMu&-"
    "sH)bb~Cz-f8D#bJR#2N-"
    "D@+A)}BUB!f+zy14BS7D5qKTkoWasm9=4GIW5kQacEFQYY_#3D};^B6oD0?+rsTS11s|BWPD)GN0Swx&G*LydZD5bbMlE$Py)SXyEmfQ=(V0u4"
    "qSu>oSM2C^^<$ZV&&m63x_+jjvKwIA>pJF=P<t~kx98MQaz%uk7g#5^=K#9*dGNa@(#!t=r{b0Hy7`%hnsBmT?9Z8A12MOg`0(g&!;ZF<N9ONu"
    "wbH0fBv<(>STj)zxKpEX3abjuk+%MU|?<xNPifB$TxEv;AjH<T$p<9QEhWm*1MwEMS0erMl0v=#R#%UM}qKq8%C@4Q9rdH^Q6G!u~acSugu(({"
    "nM_V8p_W4b|is~0}vp(Vt>zhLwV&WN&Z)cw2lEe|&d;6IG*#"
)
"""The photograph at 72x48, quality 50, with arithmetic coding, for which no library here has an encoder."""

SAMPLES: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": lambda: saved(photograph(), "JPEG", quality=90),
    "progressive.jpg": lambda: saved(photograph(), "JPEG", quality=90, progressive=True),
    "444.jpg": lambda: saved(photograph(), "JPEG", quality=90, subsampling=0),
    "gray.jpg": lambda: saved(photograph().convert("L"), "JPEG", quality=90),
    "cmyk.jpg": lambda: saved(photograph().convert("CMYK"), "JPEG", quality=90),
    "ycck.jpg": _ycck,
    "two.mpo": lambda: saved(photograph(), "MPO", save_all=True, append_images=[photograph()]),
    "rgb.png": lambda: saved(photograph(), "PNG"),
    "rgba.png": lambda: saved(_with_hole(), "PNG"),
    "palette.png": lambda: saved(photograph().quantize(64), "PNG"),
    "bits.png": lambda: saved(photograph().convert("1"), "PNG"),
    "interlaced.png": lambda: _vips(".png", interlace=True),
    "deep.png": lambda: _vips(
        ".png",
        lambda image: (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16"),
    ),
    "moving.png": lambda: saved(
        photograph(), "PNG", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "lossy.webp": lambda: saved(photograph(), "WEBP", quality=90),
    "lossless.webp": lambda: saved(_with_hole(), "WEBP", lossless=True, exact=True),
    "moving.webp": lambda: saved(
        photograph(), "WEBP", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "still.gif": lambda: saved(photograph(), "GIF"),
    "moving.gif": lambda: saved(
        photograph(), "GIF", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "plain.tif": lambda: saved(photograph(), "TIFF"),
    "deflate.tif": lambda: saved(photograph(), "TIFF", compression="tiff_adobe_deflate"),
    "cmyk.tif": lambda: saved(photograph().convert("CMYK"), "TIFF"),
    "pages.tif": lambda: saved(
        photograph(), "TIFF", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "tiled.tif": lambda: _vips(".tif", tile=True, compression="lzw"),
    "big.tif": lambda: _vips(".tif", bigtiff=True),
    "deep.tif": lambda: _vips(
        ".tif",
        lambda image: (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16"),
    ),
    "big-endian.tif": _big_endian,
    "float.tif": lambda: _vips(".tif", lambda image: image.colourspace("scrgb")),
    "photo.avif": lambda: saved(photograph(), "AVIF", quality=80),
    "plain.bmp": lambda: saved(photograph(), "BMP"),
    "palette.bmp": lambda: saved(photograph().quantize(64), "BMP"),
    "photo.jp2": lambda: saved(photograph(), "JPEG2000"),
    "plain.ppm": lambda: saved(photograph(), "PPM"),
    "gray.pgm": lambda: saved(photograph().convert("L"), "PPM"),
    "bits.pbm": lambda: saved(photograph().convert("1"), "PPM"),
    "site.ico": lambda: saved(photograph(64, 64), "ICO", sizes=[(16, 16), (64, 64)]),
    "plain.tga": lambda: saved(photograph(), "TGA"),
    "composite.psd": _psd,
    "packed.tga": lambda: saved(photograph(), "TGA", compression="tga_rle"),
}
"""File names and how to make the files; all show the photograph, most at 320x213."""


@cache
def sample(name: str) -> bytes:
    return SAMPLES[name]()
