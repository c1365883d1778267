"""What a reducer yields: a named result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrimage.errors import JobError, brief
from mrimage.sink.data import encode_data

Data = Any
"""Bytes, text, pixels, a table or plain data; see ``Output``."""


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

    Texts in CSV that begin like formulas get an apostrophe before them, unless ``quote_formulas`` is False.
    """

    name: str
    data: Data
    quote_formulas: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise JobError(
                f"Expected the name of an output as text, but received {brief(self.name)}."
            )

    def encoded(self) -> tuple[bytes, int | None, int | None]:
        """The bytes to write, and width and height where they are an image made from pixels.

        Raises JobError for data that is none of the kinds above, or does not fit the name.
        """
        return encode_data(self.name, self.data, quote_formulas=self.quote_formulas)
