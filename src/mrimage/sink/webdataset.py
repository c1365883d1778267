"""Shards in WebDataset's layout: a tar in which files with the same name up to the first dot form
one sample.

Each image ``<key>/<name>.<ext>`` is followed by ``<key>/<name>.json`` with its facts. Times, owners
and modes are constant, so the same images give the same bytes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

import msgspec
import pyarrow as pa

from mrimage.errors import ImageError
from mrimage.sink.sample import FACTS, NO_EXTRAS, Sample, facts_of
from mrimage.storage.archives.member import MAX_MEMBER, BlockReader, too_large
from mrimage.storage.archives.sidecars import read_sidecar
from mrimage.types import ByteSource, OutputRow

END = tarfile.RECORDSIZE
"""Most bytes at the end of a tar: two blocks of zeros, then zeros up to a full record (POSIX)."""

SIDECARS = ("txt", "cls")
"""What comes along in a file of its own, as training code expects it: a caption and a class. Any
other value is in the ``.json``."""

READ = 8 << 20
"""Bytes per read of a shard."""


class TarShard:
    """A tar that grows by two members per image: the image and its sidecar."""

    def __init__(self, file: BinaryIO, extras: pa.Schema | None = None) -> None:
        self._file = file
        self.size = END

    @staticmethod
    def cost(row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> int:
        return sum(_padded_length(part) for part in _parts(row, data, extras))

    def add(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        for part in _parts(row, data, extras):
            length = _padded_length(part)
            self._file.write(part)
            self._file.write(bytes(length - len(part)))
            self.size += length
        return row.output

    def finish(self) -> None:
        end_blocks = 2 * tarfile.BLOCKSIZE
        length = self.size - END + end_blocks
        padding = -length % tarfile.RECORDSIZE
        self._file.write(bytes(end_blocks + padding))


def _parts(row: OutputRow, data: bytes, extras: Mapping[str, object]) -> list[bytes]:
    """What the tar holds for one image: header and image, then header and content of each sidecar.

    Each is padded to full blocks in the file.
    """
    stem = _stem(row.output)
    known = {name: value for name, value in extras.items() if value is not None}
    in_json = {name: value for name, value in known.items() if name not in SIDECARS}
    facts = msgspec.json.encode(in_json | facts_of(row), order="sorted")
    files = {row.output: data, f"{stem}.json": facts}
    for name in SIDECARS:
        if name in known:
            files[f"{stem}.{name}"] = str(known[name]).encode("utf-8", "surrogateescape")
    parts = []
    for name, content in files.items():
        parts += [_header(name, len(content)), content]
    return parts


def no_schema(source: ByteSource) -> None:
    """The values beside an image in a tar have no columns."""


def _header(name: str, size: int) -> bytes:
    # The defaults are constant: owner 0, time 0, mode 0644.
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padded_length(part: bytes) -> int:
    padding = -len(part) % tarfile.BLOCKSIZE
    return len(part) + padding


def _stem(name: str) -> str:
    """The sample's name: everything up to the first dot after the last slash."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def read_tar_shard(source: ByteSource) -> Iterator[Sample]:
    """Yield the images of a tar in one pass.

    Raises ImageError if the tar is damaged, as far as that can be detected: a tar with a broken
    header looks like one that ends there.
    """
    image: tuple[str, bytes] | None = None
    beside: dict[str, bytes] = {}
    for name, data in _members(source):
        extension = name.removeprefix(f"{_stem(image[0])}.") if image else ""
        if extension in ("json", *SIDECARS):
            beside[extension] = data
            continue
        if image:
            yield _sample(image, beside)
        image = (name, data)
        beside = {}
    if image:
        yield _sample(image, beside)


def _sample(image: tuple[str, bytes], beside: Mapping[str, bytes]) -> Sample:
    name, data = image
    decoded = _decode(beside["json"]) if "json" in beside else None
    found = decoded or {}
    facts = {fact: found[fact] for fact in FACTS if fact in found}
    extras = {extra: value for extra, value in found.items() if extra not in FACTS}
    for extension in SIDECARS:
        if extension in beside:
            extras[extension] = read_sidecar(extension, beside[extension])
    return Sample(name, name, data, None if decoded is None else facts, extras)


def _members(source: ByteSource) -> Iterator[tuple[str, bytes]]:
    reader = cast("tarfile._Fileobj", BlockReader(source, READ))
    try:
        with tarfile.open(
            fileobj=reader, mode="r|", bufsize=1 << 20, errors="surrogateescape"
        ) as tar:
            for info in tar:
                # TarFile collects the headers of all members, which would grow with the shard.
                vars(tar)["members"].clear()
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
