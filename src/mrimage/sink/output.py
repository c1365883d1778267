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
"""The largest width or height in pixels that the lineage's int32 columns can hold."""


@dataclass(frozen=True)
class Output:
    """One result of a group, written to ``groups/<key>/<name>``.

    The extension of ``name`` decides how ``data`` is written:

    - Bytes are written as they are, and text as UTF-8, under any name.
    - Pixels go to .jpg, .png, .webp, .avif or .tif. They are a Pillow image of any mode, or a
      numpy array in sRGB, H x W or H x W x 1, 2, 3 or 4 (gray, gray and alpha, RGB, RGBA), of
      bool, uint8, uint16 or float (0.0 to 1.0). PNG and TIFF store uint16 and float in 16 bits,
      the others in 8. JPEG has no alpha: the image is put on white.
    - A table goes to .parquet, .csv, .tsv, .arrow, .json (a list of rows) or .jsonl. It comes from
      pyarrow, pandas, polars or anything else that exports an Arrow stream. Except for .json it
      may also be a list of dictionaries.
    - Plain data is written as JSON with sorted keys, under any other name.

    ``uri`` names the image that the result was made from if it was a single one;
    ``outputs.parquet`` records it. In CSV, a text that begins like a formula gets an apostrophe in
    front unless ``quote_formulas`` is False.
    """

    name: str
    data: Data
    uri: str | None = None
    quote_formulas: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise JobError(
                f"The name of an output must be a text that is not empty, but got "
                f"{brief(self.name)}."
            )
        if self.uri is None:
            return
        if not isinstance(self.uri, str) or not is_unicode(self.uri):
            raise JobError(
                f"The uri of output {self.name!r} must be the uri of an image, as text, but got "
                f"{brief(self.uri)}."
            )
        if scheme(self.uri) == "file" and not self.uri.startswith("/"):
            # The dataclass is frozen, so a plain assignment would fail.
            object.__setattr__(self, "uri", absolute(self.uri))

    def encoded(self) -> tuple[bytes, int | None, int | None]:
        """The bytes to write, and their width and height in pixels, as displayed, if they are an
        image.

        Raises JobError if the data is of none of the kinds above, or does not fit the name.
        """
        made = encode_data(self.name, self.data, quote_formulas=self.quote_formulas)
        data, width, _ = made
        if width is None and isinstance(self.data, bytes | bytearray | memoryview):
            return data, *_size_of(data)
        return made


def _size_of(data: bytes) -> tuple[int | None, int | None]:
    """Width and height of an image, as displayed.

    (None, None) if the data is not an image, or if its header gives a size that a column cannot
    hold.
    """
    from mrimage.image import Buffer, Image

    try:
        metadata = Image(Buffer(data)).metadata
    except ImageError:
        return None, None
    if max(metadata.width, metadata.height) > LONGEST_SIDE:
        return None, None
    return metadata.width, metadata.height
