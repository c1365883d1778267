"""What a reducer yields: a named result."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import JobError, brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Output:
    """One result of a group, written to ``groups/<key>/<name>``.

    ``data`` is bytes as they are, text (UTF-8), pixels (uint8, H x W x 3 sRGB or H x W gray; encoded as the
    name's extension says), or plain data (written as JSON with sorted keys).
    """

    name: str
    data: bytes | str | NDArray[np.uint8] | Mapping[str, Any] | Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise JobError(
                f"Expected the name of an output as text, but received {brief(self.name)}."
            )

    def encoded(self) -> tuple[bytes, int | None, int | None]:
        """The bytes to write, and width and height where they are an image made from pixels.

        Raises JobError for data that is none of the kinds above.
        """
        if isinstance(self.data, bytes | bytearray | memoryview):
            return bytes(self.data), None, None
        if isinstance(self.data, str):
            return self.data.encode(), None, None
        if hasattr(self.data, "shape"):
            return self._encode_pixels(self.data)
        try:
            text = msgspec.json.encode(self.data, order="sorted")
        except (TypeError, ValueError) as error:
            raise JobError(
                f"Expected the data of output {self.name!r} as bytes, text, uint8 pixels or plain data, "
                f"but received {type(self.data).__name__} ({error})."
            ) from None
        return msgspec.json.format(text) + b"\n", None, None

    def _encode_pixels(self, pixels: Any) -> tuple[bytes, int | None, int | None]:
        from mrimage.image import encode

        extension = posixpath.splitext(self.name)[1].lower().lstrip(".")
        name = {
            "jpg": "jpeg",
            "jpeg": "jpeg",
            "png": "png",
            "webp": "webp",
            "avif": "avif",
            "tif": "tiff",
        }.get(extension, extension)
        if name not in {"jpeg", "png", "webp", "avif", "tiff"}:
            raise JobError(
                f"Expected the name of an output with pixels to end in .jpg, .png, .webp, .avif or .tiff, "
                f"but received {self.name!r}."
            )
        if (
            str(pixels.dtype) != "uint8"
            or not (pixels.ndim == 2 or pixels.shape[2:] == (3,))
            or not pixels.size
        ):
            raise JobError(
                f"Expected the pixels of output {self.name!r} as uint8, H x W x 3 or H x W, but received {pixels.dtype}, "
                f"{' x '.join(map(str, pixels.shape))}."
            )
        return encode(pixels, name, None), int(pixels.shape[1]), int(pixels.shape[0])
