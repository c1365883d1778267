"""Facts of a group's images, in temporary files.

They are read as one column of all images, or as all columns of some images.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrimage.shuffle.records import Record
from mrimage.storage.local import system_errors

FACTS = np.dtype(
    {
        "names": [
            "phash",
            "sha256",
            "content",
            "pixels",
            "bytes",
            "place",
            "length",
            "file",
            "is_link",
        ],
        "formats": ["<u8", "S32", "<u8", "<i8", "<i8", "<i8", "<i8", "<u8", "?"],
        "offsets": [0, 8, 8, 40, 48, 56, 64, 72, 80],
    }
)
"""The facts of one image, in a fixed number of bytes.

``content`` is the first 64 bits of ``sha256``. The image's uri is the ``length`` bytes from
``place`` in the file of uris. ``file`` is a hash of the file's identity, which is the same for two
names of one file. ``is_link`` says that the name is a link to another one.
"""

CHUNK = 20_000
"""Images that are read or written at once."""


class ImageFacts:
    """The images of records that have the columns of the extractor ``hash``.

    They are numbered in the order of the records.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        with system_errors(tempfile.gettempdir()), ExitStack() as stack:
            self._facts = stack.enter_context(tempfile.TemporaryFile())
            self._uris = stack.enter_context(tempfile.TemporaryFile())
            self.count = self._fill(records)
            self._files = stack.pop_all()

    def __enter__(self) -> ImageFacts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._files.close()

    def column(self, name: str) -> NDArray[Any]:
        """Read one fact of all images."""
        column = np.empty(self.count, FACTS[name])
        self._facts.seek(0)
        for start in range(0, self.count, CHUNK):
            data = self._facts.read(CHUNK * FACTS.itemsize)
            column[start : start + CHUNK] = np.frombuffer(data, FACTS)[name]
        return column

    def rows(self, images: NDArray[np.intp]) -> NDArray[Any]:
        """Read all facts of the images with these numbers."""
        file = self._facts.fileno()
        size = FACTS.itemsize
        rows = [os.pread(file, size, size * image) for image in images.tolist()]
        return np.frombuffer(b"".join(rows), FACTS)

    def uris(self, rows: NDArray[Any]) -> list[str]:
        """Read the uris of images, given their facts."""
        file = self._uris.fileno()
        lengths = rows["length"].tolist()
        places = rows["place"].tolist()
        found = []
        for length, place in zip(lengths, places, strict=True):
            found.append(os.pread(file, length, place).decode())
        return found

    def _fill(self, records: Iterable[Record]) -> int:
        """Write the facts and uris of all images; return the number of images."""
        count = 0
        place = 0
        chunk: list[tuple[object, ...]] = []
        for record in records:
            if not record.images:  # another record of the same image
                continue
            length = self._uris.write(record.entry.uri.encode())
            chunk.append(_facts_of(record, place, length))
            place += length
            if len(chunk) == CHUNK:
                count += self._write(chunk)
                chunk = []
        count += self._write(chunk)
        # ``rows`` and ``uris`` read past the buffers of these files.
        self._facts.flush()
        self._uris.flush()
        return count

    def _write(self, chunk: list[tuple[object, ...]]) -> int:
        self._facts.write(np.array(chunk, FACTS).tobytes())
        return len(chunk)


def _facts_of(record: Record, place: int, length: int) -> tuple[object, ...]:
    """A row of FACTS; ``place`` and ``length`` are those of its uri."""
    columns = record.columns
    sha256 = bytes.fromhex(columns["sha256"])
    return (
        int(columns["phash"], 16),
        sha256,
        int.from_bytes(sha256[:8], "little"),
        record.pixels,
        record.entry.size,
        place,
        length,
        _hash(columns.get("file") or record.entry.uri),
        bool(columns.get("is_link")),
    )


def _hash(identity: str) -> int:
    digest = hashlib.blake2b(identity.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
