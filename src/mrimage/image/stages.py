"""Which stage of an edit failed: decode, color or encode.

libvips computes all stages of a picture at once, while the result is written, so its error alone does not say where
it comes from. The stages are done again, one at a time, which costs only images that fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Picture
from mrimage.image.decode.decoder_errors import decoder_errors, is_out_of_memory, message_of
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header

Made = Callable[[], Picture]
"""Makes a picture from the start, to be computed once."""


@contextmanager
def stages(data: bytes, header: Header, decoded: Made, prepared: Made) -> Iterator[None]:
    """Turn what libvips raises into an ImageError of the stage that failed.

    ``decoded`` makes the picture of ``data`` as stored, ``prepared`` the one that is handed to the encoder.
    """
    try:
        yield
    except vips().Error as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        _compute_decoded(data, header, decoded)
        _compute_prepared(prepared)
        raise ImageError(
            "encode-failed", f"Expected a result that can be written, but {message_of(error)}"
        ) from error


def _compute_decoded(data: bytes, header: Header, decoded: Made) -> None:
    with decoder_errors(data, header):
        decoded().avg()  # A pass over all pixels that holds few of them.


def _compute_prepared(prepared: Made) -> None:
    try:
        prepared().avg()
    except vips().Error as error:
        raise ImageError(
            "color-failed", f"Expected colors that can be converted, but {message_of(error)}"
        ) from error
