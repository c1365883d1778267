"""What is known of a group's images, in temporary files: a column of all of them at once, or all of a few of them."""

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
"""An image in a place of fixed size. ``content`` is the first 64 bits of ``sha256``; the image's uri is the ``length`` bytes
from ``place`` of the other file. ``file`` is a hash of the file's identity, the same for two names of one file;
``is_link`` says that the name leads to another one."""

PART = 20_000
"""Images that are read or written at once."""


class ImageFacts:
    """The images of records that carry the columns of the extractor ``hash``, numbered in the order in which they come."""

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
        """One fact of all images."""
        column = np.empty(self.count, FACTS[name])
        self._facts.seek(0)
        for start in range(0, self.count, PART):
            column[start : start + PART] = np.frombuffer(
                self._facts.read(PART * FACTS.itemsize), FACTS
            )[name]
        return column

    def rows(self, images: NDArray[np.intp]) -> NDArray[Any]:
        """All facts of some images."""
        file, size = self._facts.fileno(), FACTS.itemsize
        return np.frombuffer(
            b"".join(os.pread(file, size, size * image) for image in images.tolist()), FACTS
        )

    def uris(self, rows: NDArray[Any]) -> list[str]:
        """The uris of images, by their facts."""
        file = self._uris.fileno()
        places = zip(rows["length"].tolist(), rows["place"].tolist(), strict=True)
        return [os.pread(file, length, place).decode() for length, place in places]

    def _fill(self, records: Iterable[Record]) -> int:
        count = place = 0
        part: list[tuple[object, ...]] = []
        for record in records:
            if not record.images:  # another record of the same image
                continue
            carried = record.columns
            uri = record.entry.uri
            length = self._uris.write(uri.encode())
            sha256 = bytes.fromhex(carried["sha256"])
            content = int.from_bytes(sha256[:8], "little")
            file = _hash(carried.get("file") or uri)
            phash = int(carried["phash"], 16)
            is_link = bool(carried.get("is_link"))
            part.append(
                (
                    phash,
                    sha256,
                    content,
                    record.pixels,
                    record.entry.size,
                    place,
                    length,
                    file,
                    is_link,
                )
            )
            place += length
            if len(part) == PART:
                count += self._write(part)
                part = []
        count += self._write(part)
        self._facts.flush()
        self._uris.flush()
        return count

    def _write(self, part: list[tuple[object, ...]]) -> int:
        self._facts.write(np.array(part, FACTS).tobytes())
        return len(part)


def _hash(identity: str) -> int:
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little")
