"""Turn the errors of decoders into ImageErrors, each with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header

_END_MARKER = b"\xff\xd9"
"""Ends a JPEG, and also a JPEG 2000 codestream."""


@contextmanager
def decoder_errors(data: bytes, header: Header) -> Iterator[None]:
    """Turn whatever a decoder raises on ``data`` into an ImageError.

    Wrap only the call into the library: every error raised inside is blamed on the image. Raises
    MemoryError if libvips could not allocate memory.
    """
    from mrimage.image.header.pillow import DAMAGE

    try:
        yield
    except vips().Error as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise image_error(ValueError(message_of(error)), data, header) from error
    except DAMAGE as error:
        raise image_error(error, data, header) from error


def is_out_of_memory(error: Exception) -> bool:
    """Return whether libvips ran out of memory, which is not the fault of the image."""
    text = message_of(error).lower()
    # libtiff says "out of memory reading of" when a count in a damaged file is impossibly large.
    return "out of memory" in text and "out of memory reading of" not in text


def message_of(error: Exception) -> str:
    """The message of a libvips error, on one line of at most 200 characters."""
    detail = str(getattr(error, "detail", error))
    message = " ".join(detail.split()) or str(error)
    return message[:200]


def check_size(size: tuple[int, int], header: Header) -> None:
    """Raise ImageError ``corrupt`` if ``size`` (width, height) is not the size in the header.

    Call it before the decode if the library allows that, because the limits were checked for the
    header's size.
    """
    if size == (header.width, header.height):
        return
    raise ImageError(
        "corrupt",
        f"The {header.format} header says {header.width}x{header.height} pixels, "
        f"but the decoder finds {size[0]}x{size[1]}.",
    )


def missing_end(data: bytes, header: Header) -> ImageError | None:
    """ImageError ``truncated`` if a JPEG has no end marker after its header, otherwise None."""
    if data.find(_END_MARKER, header.body) >= 0:
        return None
    return ImageError("truncated", "The JPEG has no end marker: the file ends before it.")


def image_error(error: Exception, data: bytes, header: Header) -> ImageError:
    """The ImageError for a decoder's ``error`` on ``data``.

    The reason is ``truncated`` if the file lacks its end, whatever the decoder says; otherwise the
    decoder's message decides between ``truncated``, ``unsupported`` and ``corrupt``.
    """
    from mrimage.image.header.pillow import damaged

    if header.format == "jpeg":
        truncated = missing_end(data, header)
        if truncated is not None:
            return truncated
    if header.format == "jp2" and data[-2:] != _END_MARKER:
        message = "The JPEG 2000 codestream has no end marker: the file ends before it."
        return ImageError("truncated", message)
    if header.format == "png" and b"IEND" not in data[-64:]:
        message = f"The PNG has no IEND chunk: the file ends before it. The decoder says: {error}"
        return ImageError("truncated", message[:280])
    if header.format == "webp":
        # The RIFF header gives the size of what follows its first 8 bytes.
        length = 8 + int.from_bytes(data[4:8], "little")
        if len(data) < length:
            message = f"The WebP header says {length} bytes, but the file has only {len(data)}."
            return ImageError("truncated", message)
    return damaged(error, header.format)
