"""Bytes to pixels: choose the library that decodes a file, and give its result one form."""

from __future__ import annotations

from mrimage.image.decode import libvips
from mrimage.image.decode.arrays import Array, Picture, from_array, straight
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.decode.jpeg import decode_jpeg
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_TIFFFILE
from mrimage.types import Limits


def decode(data: bytes, header: Header, limits: Limits, shrink: int = 1) -> Picture:
    """The pixels of ``data`` as stored, with straight alpha; a JPEG at 1/``shrink`` of its size.

    Raises ImageError. An image that libvips streams (see ``libvips.streams``) is decoded later,
    while the result is computed, and raises its errors then.
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
    """Return whether the decoder's colors are free of alpha.

    libvips and Pillow divide the colors of a TIFF by its associated alpha; no other decoder does.
    """
    divides = header.format == "tiff" and header.variant != BY_TIFFFILE
    return divides or not header.associated


# Modules are imported where a file needs them: together they would slow the start of each worker.


def _by_another_library(data: bytes, header: Header, limits: Limits) -> Picture:
    """Decode a format that the libvips of pyvips' wheel does not read, or reads wrong."""
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
    """Decode a format whose decoder gives a numpy array."""
    from mrimage.image.decode.high_depth import decode_high_depth, is_high_depth

    if is_high_depth(header):
        if header.format == "jxl" and header.space == "rgb-other" and header.cicp is None:
            from mrimage.image.decode.jxl import decode_jxl

            # Called only to set header.decoded_icc: imagecodecs does not give the profile.
            decode_jxl(data, header, limits)
        return _with_interpretation(from_array(decode_high_depth(data, header)), header)
    if header.format == "jxl":
        from mrimage.image.decode.jxl import decode_jxl

        return from_array(decode_jxl(data, header, limits))
    array = _by_numpy(data, header, limits)
    if array is not None:
        return from_array(array)
    from mrimage.image.decode.pillow import array_by_pillow

    return _with_interpretation(from_array(array_by_pillow(data, header, limits)), header)


def _by_numpy(data: bytes, header: Header, limits: Limits) -> Array | None:
    """Decode a format of plain samples; None if Pillow reads the file better."""
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


def _with_interpretation(image: Picture, header: Header) -> Picture:
    """``image`` marked as Lab or linear light if it is, which an array does not show."""
    if header.model == "lab":
        from mrimage.image.decode.lab import lab_picture

        return lab_picture(image, signed=True)
    if header.format == "tiff" and image.format == "float" and header.model == "rgb":
        return image.copy(interpretation="scrgb")
    return image
