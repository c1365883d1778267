"""Bytes to pixels: which library decodes a file, and how what it gives becomes one kind of picture."""

from __future__ import annotations

from mrimage.image.decode import libvips
from mrimage.image.decode.arrays import Array, Picture, from_array, straight
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.decode.jpeg import decode_jpeg
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_TIFFFILE
from mrimage.types import Limits


def decode(data: bytes, header: Header, limits: Limits, shrink: int = 1) -> Picture:
    """The pixels of ``data`` as stored; a JPEG at 1/``shrink`` of its size. Raises ImageError.

    What libvips streams (``libvips.streams``) is decoded only while the result is made, and complains then.
    """
    if header.format == "jpeg":
        return decode_jpeg(data, header, limits, shrink)
    if libvips.reads(header):
        with decoder_errors(data, header):
            image = libvips.load(data, header, limits)
    else:
        image = _by_another_library(data, header, limits)
    check_size((image.width, image.height), header)
    return image if _is_straight(header) else straight(image)


def _is_straight(header: Header) -> bool:
    """Does the decoder give colors that are not multiplied by alpha? libvips and Pillow divide those of TIFF."""
    return not header.associated or (header.format == "tiff" and header.variant != BY_TIFFFILE)


def _by_another_library(data: bytes, header: Header, limits: Limits) -> Picture:
    """The formats that libvips' wheel does not read, or not right. Their modules are loaded when a file needs them."""
    if header.format == "heic":
        from mrimage.image.decode.heif import decode_heic

        return from_array(decode_heic(data, header))
    if header.format == "raw":
        from mrimage.image.header.raw import develop

        return from_array(develop(header, data))
    if header.format == "psd" and header.model != "palette" and header.bit_depth != 1:
        from mrimage.image.decode.photoshop import decode_photoshop

        return decode_photoshop(data, header, limits)
    if header.format == "ico":
        from mrimage.image.decode.pillow import decode_icon

        return decode_icon(data, header, limits)
    return _from_samples(data, header, limits)


def _from_samples(data: bytes, header: Header, limits: Limits) -> Picture:
    from mrimage.image.decode.high_depth import decode_high_depth, is_high_depth

    if is_high_depth(header):
        if header.format == "jxl" and header.space == "rgb-other" and header.cicp is None:
            from mrimage.image.decode.jxl import decode_jxl

            decode_jxl(data, header, limits)  # Only this decoder gives the profile.
        return _as_meant(from_array(decode_high_depth(data, header)), header)
    if header.format == "jxl":
        from mrimage.image.decode.jxl import decode_jxl

        return from_array(decode_jxl(data, header, limits))
    array = _by_numpy(data, header, limits)
    if array is not None:
        return from_array(array)
    from mrimage.image.decode.pillow import array_by_pillow

    return _as_meant(from_array(array_by_pillow(data, header, limits)), header)


def _by_numpy(data: bytes, header: Header, limits: Limits) -> Array | None:
    """Formats that are plain numbers; None for what Pillow reads better."""
    if header.format == "ppm":
        from mrimage.image.decode.netpbm import decode_netpbm

        return decode_netpbm(data, limits)
    if header.format == "fits":
        from mrimage.image.decode.plain import decode_fits

        return decode_fits(data, limits)
    if header.format == "sgi":
        from mrimage.image.decode.plain import decode_sgi

        return decode_sgi(data, limits)
    if header.format == "qoi":
        from mrimage.image.decode.plain import decode_qoi

        with decoder_errors(data, header):
            return decode_qoi(data)
    return None


def _as_meant(image: Picture, header: Header) -> Picture:
    """Lab and linear light, which numpy's samples do not tell from others, named as what they are."""
    if header.model == "lab":
        from mrimage.image.decode.lab import lab_picture

        return lab_picture(image, signed=True)
    if header.format == "tiff" and image.format == "float" and header.model == "rgb":
        return image.copy(interpretation="scrgb")
    return image
