"""What a reducer yields: a named result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrimage.errors import ImageError, JobError, brief
from mrimage.job.job import absolute
from mrimage.sink.data import encode_data
from mrimage.storage.names import is_unicode, scheme

Data = Any
"""Bytes, text, pixels, a table or plain data; see ``Output``."""


LONGEST_SIDE = (1 << 31) - 1
"""Pixels that the lineage's columns hold."""


@dataclass(frozen=True)
class Output:
    """One result of a group, written to ``groups/<key>/<name>``; the name's extension says what becomes of ``data``.

    ``data`` is one of these:

    - bytes as they are, or text (UTF-8), under any name;
    - pixels for .jpg, .png, .webp, .avif and .tif: a Pillow image of any mode, or a numpy array in sRGB, H x W or
      H x W x 1, 2, 3 or 4 (gray, gray and alpha, RGB, RGBA), of bool, uint8, uint16 or float (0.0 to 1.0). PNG and TIFF
      hold uint16 and float in 16 bits, the others in 8; JPEG has no alpha, and is laid over white;
    - a table for .parquet, .csv, .tsv, .arrow, .json (a list of rows) and .jsonl: of pyarrow, pandas, polars or any that
      hands out an Arrow stream. For all of these but .json also a list of dictionaries;
    - plain data, written as JSON with sorted keys, under any other name.

    ``uri`` names the one image that the result was made of, if there is one; ``outputs.parquet`` then has it. Texts in CSV that begin like formulas get an apostrophe before them, unless ``quote_formulas`` is False.
    """

    name: str
    data: Data
    uri: str | None = None
    quote_formulas: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise JobError(
                f"Expected the name of an output as text, but received {brief(self.name)}."
            )
        if self.uri is None:
            return
        if not isinstance(self.uri, str) or not is_unicode(self.uri):
            raise JobError(
                f"Expected the uri of output {self.name!r} as the text of an image's uri, but got {brief(self.uri)}."
            )
        if scheme(self.uri) == "file" and not self.uri.startswith("/"):
            object.__setattr__(self, "uri", absolute(self.uri))

    def encoded(self) -> tuple[bytes, int | None, int | None]:
        """The bytes to write, and width and height in pixels, as displayed, where they are an image.

        Raises JobError for data that is none of the kinds above, or does not fit the name.
        """
        made = encode_data(self.name, self.data, quote_formulas=self.quote_formulas)
        data, width, _ = made
        if width is None and isinstance(self.data, bytes | bytearray | memoryview):
            return data, *_size_of(data)
        return made


def _size_of(data: bytes) -> tuple[int | None, int | None]:
    """Width and height of the image that ``data`` is, as displayed; (None, None) where it is something else, or where
    its header says what a column cannot hold."""
    from mrimage.image import Buffer, Image

    try:
        metadata = Image(Buffer(data)).metadata
    except ImageError:
        return None, None
    if max(metadata.width, metadata.height) > LONGEST_SIDE:
        return None, None
    return metadata.width, metadata.height
