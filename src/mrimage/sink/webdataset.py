"""Shards as WebDataset reads them: a tar in which files that share a name up to its first dot are one sample.

Each image ``<key>/<name>.<ext>`` is followed by ``<key>/<name>.json`` with its facts. Times, owners and modes are
constant, so the same images make the same bytes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

import msgspec

from mrimage.errors import ImageError
from mrimage.sink.sample import Sample, facts_of
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, too_large
from mrimage.types import ByteSource, OutputRow

END = tarfile.RECORDSIZE
"""Bytes that the end of the archive takes at most: two blocks of zeros, and zeros up to a whole record (POSIX)."""

READ = 8 << 20
"""Bytes that one read of a shard asks for."""


class TarShard:
    """A tar that grows by two members for each image."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = END

    @staticmethod
    def cost(row: OutputRow, data: bytes) -> int:
        return sum(map(_length, _parts(row, data)))

    def add(self, row: OutputRow, data: bytes) -> str:
        for part in _parts(row, data):
            self._file.write(part)
            self._file.write(bytes(_length(part) - len(part)))
            self.size += _length(part)
        return row.output

    def finish(self) -> None:
        blocks = self.size - END + 2 * tarfile.BLOCKSIZE
        self._file.write(bytes(2 * tarfile.BLOCKSIZE + -blocks % tarfile.RECORDSIZE))


def _parts(row: OutputRow, data: bytes) -> list[bytes]:
    """What follows each other in the tar, each filled up to whole blocks: header, image, header, sidecar."""
    sidecar = msgspec.json.encode(facts_of(row), order="sorted")
    return [
        _header(row.output, len(data)),
        data,
        _header(f"{_stem(row.output)}.json", len(sidecar)),
        sidecar,
    ]


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)  # owner 0, time 0, mode 0644
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _length(part: bytes) -> int:
    return len(part) + -len(part) % tarfile.BLOCKSIZE


def _stem(name: str) -> str:
    """The sample's name: up to the first dot behind the last slash."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def read_tar_shard(source: ByteSource) -> Iterator[Sample]:
    """The images of a tar, in one pass. Raises ImageError where it is damaged, as far as that can be seen: a tar whose
    next header is broken looks like one that has ended."""
    image: tuple[str, bytes] | None = None
    for name, data in _members(source):
        if image and name == f"{_stem(image[0])}.json":
            yield Sample(image[0], image[0], image[1], _decode(data))
            image = None
            continue
        if image:
            yield Sample(image[0], image[0], image[1], None)
        image = name, data
    if image:
        yield Sample(image[0], image[0], image[1], None)


def _members(source: ByteSource) -> Iterator[tuple[str, bytes]]:
    reader = cast("tarfile._Fileobj", BlockReader(source, READ))
    try:
        with tarfile.open(
            fileobj=reader, mode="r|", bufsize=1 << 20, errors="surrogateescape"
        ) as tar:
            for info in tar:
                vars(tar)["members"].clear()  # or the headers of the whole shard stay in memory
                if info.size > MAX_MEMBER:
                    raise too_large(f"{source.uri}!/{info.name}")
                content = tar.extractfile(info) if info.isreg() else None
                if content:
                    yield info.name, content.read()
    except tarfile.TarError as error:
        raise ImageError("corrupt", f"{source.uri} is damaged: {error}.") from error


def _decode(sidecar: bytes) -> dict[str, object] | None:
    try:
        return msgspec.json.decode(sidecar, type=dict[str, object])
    except msgspec.DecodeError:
        return None
