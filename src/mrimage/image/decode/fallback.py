"""Pixels of the formats that libvips' wheel does not read, or not right: by Pillow and the optional decoders, and by
numpy where these would lose depth or color."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.decode import Array, Picture, check_size, from_array, load_png
from mrimage.image.decode.high_depth import decode_deep, is_deep
from mrimage.image.header import ico, ppm, psd
from mrimage.image.header.model import Header
from mrimage.image.header.pillow import open_picture, require
from mrimage.image.header.raw import develop
from mrimage.types import Limits


def decode_rare(data: bytes, header: Header, limits: Limits) -> Picture:
    """The pixels of ``data`` as stored. Raises ImageError, or what a decoder raises: wrap it in ``complaints``."""
    if header.format == "heic":
        return from_array(_heic(data, header))
    if header.format == "raw":
        return from_array(develop(header, data))
    if is_deep(header):
        if header.format == "jxl" and header.space == "rgb-other" and header.cicp is None:
            _jpeg_xl(data, header)  # only this decoder tells the profile
        image = from_array(decode_deep(data, header))
        if header.model == "lab":
            return _lab(image, signed=True)
        linear = header.format == "tiff" and image.format == "float" and header.model == "rgb"
        return image.copy(interpretation="scrgb") if linear else image
    if header.format == "ppm" and (array := _pnm(data, limits)) is not None:
        return from_array(array)
    if header.format == "psd" and header.model != "palette" and header.bit_depth != 1:
        return _photoshop(data, header, limits)
    if header.format == "ico":
        number, start, length = ico.largest(Blocks.of(data))
        if data.startswith(ico.PNG, start):
            return load_png(data[start : start + length], limits)
        entry = data[6 + 16 * number : 18 + 16 * number]
        data = data[:4] + b"\x01\x00" + entry + struct.pack("<I", 22) + data[start : start + length]
    image = from_array(_by_pillow(data, header, limits))
    return _lab(image, signed=True) if header.model == "lab" else image


def _by_pillow(data: bytes, header: Header, limits: Limits) -> Array:
    import numpy as np
    from PIL import ImageFile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, ImageFile.LOAD_TRUNCATED_IMAGES = (
            ImageFile.LOAD_TRUNCATED_IMAGES,
            limits.allow_truncated,
        )
        try:
            picture = (
                _jpeg_xl(data, header)
                if header.format == "jxl"
                else open_picture(Blocks.of(data), header.format)
            )
            check_size(picture.size, header)
            picture.load()
            if picture.mode in ("P", "PA"):
                picture = picture.convert(
                    "RGBA" if "transparency" in picture.info or picture.mode == "PA" else "RGB"
                )
            elif picture.mode in ("1", "YCbCr", "RGBX"):
                picture = picture.convert("L" if picture.mode == "1" else "RGB")
            array = np.asarray(picture)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    if array.dtype.kind == "i":
        array = np.clip(array, 0, 65_535).astype(np.uint16)
    if (
        header.bit_depth == 12 and header.format == "tiff"
    ):  # Pillow leaves 12 bits at the lower end of 16.
        array = (array.astype(np.uint32) * 65_535 // 4095).astype(np.uint16)
    return np.ascontiguousarray(array)


def _jpeg_xl(data: bytes, header: Header) -> Any:
    """Pillow's image, upright. Its profile is what the decoder made of it, which the header need not name."""
    require("jxl")
    import pillow_jxl  # noqa: F401 - importing it registers the plugin with Pillow
    from PIL import Image, ImageOps

    picture = Image.open(io.BytesIO(data), formats=("JXL",))
    header.decoded_icc = picture.info.get("icc_profile") or None
    return ImageOps.exif_transpose(picture) if getattr(picture, "jpeg", False) else picture


def _heic(data: bytes, header: Header) -> Array:
    """uint8, or uint16 where the picture has more than 8 bits."""
    require("heic")
    import numpy as np
    import pillow_heif

    pictures = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    picture = pictures[pictures.primary_index]
    check_size(picture.size, header)
    return np.ascontiguousarray(picture)


def _pnm(data: bytes, limits: Limits) -> Array | None:
    """Binary PPM of more than 8 bits, which Pillow cuts to 8, and PFM, of which it reads only gray."""
    import numpy as np

    layout = ppm.layout_of(data[:4096])
    if not layout.floating and (layout.kind != "P6" or layout.top < 256):
        return None
    kind = ("<f4" if layout.top < 0 else ">f4") if layout.floating else ">u2"
    count = layout.width * layout.height * layout.bands
    values = np.frombuffer(_filled(data[layout.start :], count * int(kind[2]), limits), kind)
    values = values.reshape(layout.height, layout.width, layout.bands)
    if layout.floating:
        return np.ascontiguousarray(values[::-1], dtype=np.float32)  # Rows go from bottom to top.
    top = int(layout.top)
    return ((np.minimum(values, top).astype(np.uint32) * 65_535 + top // 2) // top).astype(
        np.uint16
    )


def _filled(data: bytes, length: int, limits: Limits) -> bytes:
    """The first ``length`` bytes. Where fewer are there: ImageError ``truncated``, or zeros if that is allowed."""
    if len(data) < length and not limits.allow_truncated:
        raise ImageError(
            "truncated", f"Expected {length} bytes of pixels, but the file has {len(data)}."
        )
    return data[:length].ljust(length, b"\x00")


def _photoshop(data: bytes, header: Header, limits: Limits) -> Picture:
    """The composite of a PSD or PSB: planes one after another, plain or packed (PackBits)."""
    import numpy as np

    layout = psd.layout_of(Blocks.of(data))
    count = layout.colors + layout.transparent
    planes = _planes(data[layout.start :], layout, count, limits)
    kind = {8: "u1", 16: ">u2", 32: ">f4"}[layout.depth]
    pixels = np.stack([np.frombuffer(plane, kind) for plane in planes], axis=-1)
    pixels = pixels.reshape(layout.height, layout.width, count).astype(kind.lstrip(">"))
    if header.model == "cmyk":
        pixels[..., :4] = ~pixels[..., :4]  # Adobe stores how much paper is seen.
    image = from_array(np.ascontiguousarray(pixels))
    if header.model == "lab":
        return _lab(image, signed=False)
    # 32 bits are linear light: what their profile says, and where there is none, sRGB's colors (scRGB).
    linear = layout.depth == 32 and header.model == "rgb" and header.icc is None
    return image.copy(interpretation="scrgb") if linear else image


def _planes(body: bytes, layout: psd.Layout, count: int, limits: Limits) -> list[bytes]:
    from PIL import Image

    row, size = layout.width * layout.depth // 8, layout.width * layout.height * layout.depth // 8
    method, body = int.from_bytes(body[:2], "big"), body[2:]
    if method == 0:
        body = _filled(body, size * count, limits)
        return [body[at : at + size] for at in range(0, size * count, size)]
    if method != 1:
        raise ImageError(
            "unsupported",
            f"Expected plain or packed pixels in the Photoshop file, received {method}.",
        )
    rows, wide = layout.height * layout.channels, 4 if layout.large else 2
    lengths = struct.unpack(
        f">{rows}{'I' if layout.large else 'H'}", _filled(body, rows * wide, limits)
    )
    position, planes = rows * wide, []
    for channel in range(count):
        length = min(
            sum(lengths[channel * layout.height : (channel + 1) * layout.height]), 2 * size + rows
        )
        packed = _filled(body[position : position + length], length, limits)
        if limits.allow_truncated:
            packed += b"\x00" * 2 * size  # runs of one zero
        planes.append(Image.frombytes("L", (row, layout.height), packed, "packbits", "L").tobytes())
        position += length
    return planes


def _lab(image: Picture, *, signed: bool) -> Picture:
    """CIELab of integers as libvips computes with it. L* goes over the whole range; a* and b* are bytes, ``signed`` in
    TIFF and with 128 in the middle in Photoshop's files, there also of 16 bits."""
    top = 65_535 if image.format == "ushort" else 255
    chroma = image.extract_band(1, n=2)
    chroma = chroma.copy(format="char") if signed else chroma * (255 / top) - 128
    lab = (image[0] * (100 / top)).bandjoin(chroma)
    if image.bands > 3:
        lab = lab.bandjoin(image[3] * (255 / top))
    lab = lab.cast("float").copy(interpretation="lab")
    return lab if top == 255 else lab.colourspace("labs")
