"""Which stage of an edit failed: decode, color or encode.

libvips computes all stages of a picture at once, while the result is written, so its error does
not say which stage it comes from. After an error the stages run again, one at a time. Only images
that fail pay for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Picture
from mrimage.image.decode.decoder_errors import decoder_errors, is_out_of_memory, message_of
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header

MakePicture = Callable[[], Picture]
"""Makes a new picture from the start. A streamed picture can be computed only once."""


@contextmanager
def stages(
    data: bytes, header: Header, decoded: MakePicture, prepared: MakePicture
) -> Iterator[None]:
    """Turn an error of libvips into an ImageError of the stage that failed.

    ``decoded`` makes the picture of ``data`` as stored, and ``prepared`` makes the one that the
    encoder receives. Raises MemoryError if libvips ran out of memory.
    """
    try:
        yield
    except vips().Error as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        _compute_decoded(data, header, decoded)
        _compute_prepared(prepared)
        message = f"The result could not be encoded: {message_of(error)}"
        raise ImageError("encode-failed", message) from error


def _compute_decoded(data: bytes, header: Header, decoded: MakePicture) -> None:
    with decoder_errors(data, header):
        # Averaging computes all pixels, but keeps only a few in memory.
        decoded().avg()


def _compute_prepared(prepared: MakePicture) -> None:
    try:
        prepared().avg()
    except vips().Error as error:
        message = f"The colors could not be converted: {message_of(error)}"
        raise ImageError("color-failed", message) from error
