"""What decoders complain of, as an ImageError with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mrimage.errors import ImageError
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header

_JPEG_END = b"\xff\xd9"
"""The marker at the end of a JPEG and of a JPEG 2000 codestream."""


@contextmanager
def decoder_errors(data: bytes, header: Header) -> Iterator[None]:
    """Turn what a decoder raises on ``data`` into ImageError.

    Put it around the call into the library and nothing else: whatever is raised inside is blamed on the image.
    Raises MemoryError where libvips was refused memory.
    """
    from mrimage.image.header.pillow import DAMAGE

    try:
        yield
    except vips().Error as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise damage_of(ValueError(message_of(error)), data, header) from error
    except DAMAGE as error:
        raise damage_of(error, data, header) from error


def is_out_of_memory(error: Exception) -> bool:
    """Was libvips refused memory, which is no fault of the image?"""
    text = message_of(error).lower()
    # libtiff says "out of memory reading of" about a count in the file that cannot be true.
    return "out of memory" in text and "out of memory reading of" not in text


def message_of(error: Exception) -> str:
    """What an error of libvips says, on one line of at most 200 characters."""
    return (" ".join(str(getattr(error, "detail", error)).split()) or str(error))[:200]


def check_size(size: tuple[int, int], header: Header) -> None:
    """Raise ImageError ``corrupt`` if a decoder finds another size (width, height) than the header says.

    Call it before the decode where the library allows that: the header's size is the one that the limits were
    checked for.
    """
    if size != (header.width, header.height):
        raise ImageError(
            "corrupt",
            f"Expected {header.width}x{header.height} pixels, as the header of the {header.format} says, but its "
            f"decoder finds {size[0]}x{size[1]}.",
        )


def missing_end(data: bytes, header: Header) -> ImageError | None:
    """The ImageError ``truncated`` if there is no end marker behind the header of a JPEG; None if there is one."""
    if data.find(_JPEG_END, header.body) >= 0:
        return None
    return ImageError(
        "truncated", "Expected the end marker of the JPEG, but the file ends before it."
    )


def damage_of(error: Exception, data: bytes, header: Header) -> ImageError:
    """The ImageError for what a decoder raised on ``data``: ``truncated``, ``unsupported`` or ``corrupt``."""
    from mrimage.image.header.pillow import damaged

    if header.format == "jpeg" and (cut := missing_end(data, header)):
        return cut
    if header.format == "jp2" and data[-2:] != _JPEG_END:
        return ImageError(
            "truncated", "Expected the end marker of the JPEG 2000 codestream at its end."
        )
    if header.format == "png" and b"IEND" not in data[-64:]:
        return ImageError(
            "truncated",
            f"Expected IEND at the end of the PNG, but the file ends before: {error}"[:280],
        )
    if header.format == "webp" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        return ImageError(
            "truncated", f"Expected the bytes that the WebP's header says, but it has {len(data)}."
        )
    return damaged(error, header.format)
