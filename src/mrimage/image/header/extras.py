"""JPEG XL and camera RAW: formats whose header only their optional decoder can read."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

from mrimage.errors import ImageError
from mrimage.image.blocks import BlockFile, Blocks
from mrimage.image.header.model import Header, Model
from mrimage.image.header.others import DAMAGE, damaged
from mrimage.image.header.tiff import read_raw
from mrimage.image.kinds import KINDS


def read_extra(blocks: Blocks, format: str) -> Header:
    """Size and layout of a JPEG XL or RAW file. Raises ImageError ``unsupported`` when the extra is missing."""
    if format == "jxl":
        return _read_jxl(blocks)
    if blocks.at(0, 4) in (b"II*\x00", b"MM\x00*", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00"):
        return read_raw(blocks)
    return _read_with_rawpy(blocks)


def require(format: str) -> None:
    """Raises ImageError ``unsupported`` when the decoder of ``format`` is not installed."""
    missing = KINDS[format].missing
    if missing:
        raise ImageError("unsupported", f"Expected a decoder for {format}, but {missing}")


def _read_jxl(blocks: Blocks) -> Header:
    require("jxl")
    import pillow_jxl  # noqa: F401 - importing it registers the plugin with Pillow
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(BlockFile(blocks), formats=("JXL",))
        except DAMAGE as error:
            raise damaged(error, "jxl") from error
    alpha = picture.mode in ("RGBA", "LA")
    model: Model = "gray" if picture.mode.startswith("L") else "rgb"
    header = Header("jxl", picture.width, picture.height, len(picture.getbands()), 8, model, alpha, upright=True)
    header.icc = picture.info.get("icc_profile") or None
    header.exif = picture.info.get("exif") or None
    header.frames = int(getattr(picture, "n_frames", 1))
    return header


def _read_with_rawpy(blocks: Blocks) -> Header:
    require("raw")
    import rawpy

    try:
        with rawpy.imread(BlockFile(blocks)) as raw:
            return Header("raw", raw.sizes.width, raw.sizes.height, 3, 16, "rgb", upright=True)
    except (rawpy.LibRawError, OSError, ValueError, struct.error) as error:
        raise damaged(error, "raw") from error


def open_extra(data: bytes, format: str) -> Any:
    """Pillow's image of a HEIC, JPEG XL or RAW file. Raises ImageError ``unsupported`` when the extra is missing."""
    require(format)
    from PIL import Image

    if format == "raw":
        return _develop(data)
    if format == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
        return Image.open(io.BytesIO(data), formats=("HEIF",))
    import pillow_jxl  # noqa: F401

    return Image.open(io.BytesIO(data), formats=("JXL",))


def _develop(data: bytes) -> Any:
    """A RAW file as its camera would show it: LibRaw's defaults with the camera's white balance, sRGB, 8 bits."""
    import rawpy
    from PIL import Image

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            return Image.fromarray(raw.postprocess(use_camera_wb=True))
    except rawpy.LibRawError as error:
        raise damaged(error, "raw") from error
