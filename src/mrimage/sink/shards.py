"""The sink that packs a task's images into shards: few large files instead of many small ones.

A shard never changes. If it must lose images, the rest is written to a new shard under another
name, the lineage switches to the new one, and then the old one is deleted. So after an
interruption, and for a concurrent reader, every image of the lineage exists.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import BinaryIO, Protocol

import pyarrow as pa

from mrimage.errors import ImageError
from mrimage.sink.naming import sample_name
from mrimage.sink.parquet import ParquetShard, extras_of_shard, read_parquet_shard
from mrimage.sink.sample import NO_EXTRAS, Sample
from mrimage.sink.spool import Spool
from mrimage.sink.webdataset import TarShard, no_schema, read_tar_shard
from mrimage.storage import Store, StoreSource
from mrimage.storage.local import store_error
from mrimage.types import ByteSource, OutputRow

SHARD_SIZE = 256_000_000
"""Default limit on the bytes of a shard."""

_NAME = re.compile(r"(images/[0-9a-f]{32}-\d{5,})(?:-[0-9a-f]{8})?(\.tar|\.parquet)")
"""A shard's name: task and number, the hash of what was removed if it was repacked, suffix."""


class Shard(Protocol):
    """A container that is being filled. ``size`` is its size in bytes if it ended now."""

    size: int

    def __init__(self, file: BinaryIO, extras: pa.Schema | None = None) -> None: ...

    @staticmethod
    def cost(row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> int:
        """Upper estimate of the bytes by which ``add`` makes the shard grow."""
        ...

    def add(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        """Append an image called ``row.output``, and what comes along with it.

        Returns its name in the shard, by which the source readers find it.
        """
        ...

    def finish(self) -> None:
        """Write the end of the container, which completes the file."""
        ...


@dataclass(frozen=True, slots=True)
class ShardFormat:
    """A container format: its files' suffix, how to write it, how to read it in one pass, and how
    to read the columns of what comes along with the images."""

    suffix: str
    shard: type[Shard]
    read: Callable[[ByteSource], Iterator[Sample]]
    extras: Callable[[ByteSource], pa.Schema | None]


SHARD_FORMATS: Mapping[str, ShardFormat] = MappingProxyType(
    {
        "webdataset": ShardFormat(".tar", TarShard, read_tar_shard, no_schema),
        "parquet": ShardFormat(".parquet", ParquetShard, read_parquet_shard, extras_of_shard),
    }
)
"""Shard formats by the names that ``--output`` accepts."""


class ShardSink:
    """Writes images to shards ``images/<task>-<number>``, numbered from 0.

    A shard has at most about ``limit`` bytes; an image larger than that gets a shard of its own.
    The same task gives the same bytes under the same names, so a second attempt changes nothing,
    even if both run at the same time.
    """

    def __init__(
        self,
        store: Store,
        shard_format: ShardFormat,
        task: str,
        limit: int,
        extras: pa.Schema | None = None,
        keyed_by_folder: bool = False,
    ) -> None:
        """``extras`` are the columns of what comes along with the images. ``keyed_by_folder`` says
        that the key is the image's folder."""
        self._extras = extras
        self._keyed_by_folder = keyed_by_folder
        self._store = store
        self._format = shard_format
        self._task = task
        self._limit = limit
        self._number = 0
        self._open: ShardWriter | None = None

    def name(
        self,
        key: str,
        path: str,
        extension: str,
        extras: Mapping[str, object] = NO_EXTRAS,
        size: str = "",
    ) -> str:
        if self._keyed_by_folder:
            path = posixpath.basename(path)
        return sample_name(key, path, extension, size)

    def put(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        cost = self._format.shard.cost(row, data, extras)
        if self._open and self._open.shard.size + cost > self._limit:
            self.close()
        if not self._open:
            name = f"images/{self._task}-{self._number:05}{self._format.suffix}"
            self._open = ShardWriter(self._store, self._format, name, self._extras)
        return self._open.put(row, data, extras)

    def close(self) -> None:
        if self._open:
            self._open.close()
            self._open = None
            self._number += 1


class ShardWriter:
    """Writes one shard. Nothing is visible under ``name`` before ``close``."""

    def __init__(
        self,
        store: Store,
        shard_format: ShardFormat,
        name: str,
        extras: pa.Schema | None = None,
    ) -> None:
        self._store = store
        self._name = name
        self._spool = Spool(store, name)
        self.shard = shard_format.shard(self._spool.file, extras)

    def put(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        """Append an image. Returns its name below OUT, as the lineage records it."""
        try:
            member = self.shard.add(row, data, extras)
        except OSError as error:
            self._spool.discard()
            raise store_error(error, "write", self._store.uri(self._name)) from error
        return f"{self._name}!/{member}"

    def close(self) -> None:
        """Complete the shard and deliver it."""
        try:
            self.shard.finish()
        except OSError as error:
            self._spool.discard()
            raise store_error(error, "write", self._store.uri(self._name)) from error
        self._spool.deliver()

    def discard(self) -> None:
        """Abandon the shard."""
        self._spool.discard()


def split_output(output: str) -> tuple[str, str]:
    """The file below OUT that holds an output, and the output's name in it.

    The second is empty if the output is a file of its own.

    >>> split_output("images/3f-00000.tar!/srgb/a~png.webp"), split_output("images/srgb/a.png")
    (('images/3f-00000.tar', 'srgb/a~png.webp'), ('images/srgb/a.png', ''))
    """
    file, _, member = output.partition("!/")
    return file, member


def output_uri(store: Store, output: str) -> str:
    """The uri from which ``storage.open_uri`` reads an output, a file of its own or in a shard."""
    file, member = split_output(output)
    return f"{store.uri(file)}!/{member}" if member else store.uri(file)


def is_shard_name(name: str) -> bool:
    """Whether a file below OUT is named as this sink names its shards."""
    return bool(_NAME.fullmatch(name))


def read_shard(store: Store, name: str) -> Iterator[Sample]:
    """Yield the images of a shard in one pass with bounded memory.

    Raises StoreError, and ImageError if the container is damaged; every image up to there is
    intact.
    """
    shard_format = next(
        candidate for candidate in SHARD_FORMATS.values() if name.endswith(candidate.suffix)
    )
    return shard_format.read(_source(store, name))


def _source(store: Store, name: str) -> ByteSource:
    # Some servers refuse a read past the end, so the source has to know the file's size.
    return StoreSource(store, name, store.uri(name), store.stat(name))


def repack(store: Store, rows: Iterable[OutputRow], gone: Iterable[OutputRow]) -> list[OutputRow]:
    """Rewrite, without the rows in ``gone``, each shard that holds any of them.

    ``rows`` is the lineage of the task. Returns the new lineage of the images that stay from those
    shards. The caller deletes the old shards once the lineage no longer names them. Raises
    ImageError or StoreError if a shard does not hold what the lineage says.
    """
    leaving = {row.output for row in gone}
    affected = {_shard_of(output) for output in leaving}
    moved: list[OutputRow] = []
    by_name = sorted(rows, key=lambda row: row.output)
    for shard, members in groupby(by_name, key=lambda row: _shard_of(row.output)):
        if shard not in affected:
            continue
        kept = {row.output: row for row in members if row.output not in leaving}
        if kept:
            moved += _rewrite(store, shard, kept, sorted(leaving))
    return moved


def _shard_of(output: str) -> str:
    file, _ = split_output(output)
    return file


def _rewrite(
    store: Store, shard: str, kept: dict[str, OutputRow], gone: list[str]
) -> list[OutputRow]:
    """Copy the images ``kept`` of a shard to a new one. Returns their new lineage."""
    match = _NAME.fullmatch(shard)
    assert match
    # The name follows from what is removed, so that a repeated attempt writes the same file.
    digest = hashlib.blake2b("\0".join([shard, *gone]).encode(), digest_size=4).hexdigest()
    stem, suffix = match[1], match[2]
    shard_format = next(
        candidate for candidate in SHARD_FORMATS.values() if candidate.suffix == suffix
    )
    extras = shard_format.extras(_source(store, shard))
    writer = ShardWriter(store, shard_format, f"{stem}-{digest}{suffix}", extras)
    try:
        moved = _copy(store, shard, kept, writer)
    except BaseException:
        writer.discard()
        raise
    writer.close()
    return moved


def _copy(
    store: Store, shard: str, kept: dict[str, OutputRow], writer: ShardWriter
) -> list[OutputRow]:
    """Copy the images ``kept`` to ``writer``. Raises ImageError if one is missing or altered."""
    missing = dict(kept)
    moved: list[OutputRow] = []
    for sample in read_shard(store, shard):
        row = missing.pop(f"{shard}!/{sample.name}", None)
        if row is None:
            continue
        if hashlib.sha256(sample.data).hexdigest() != row.sha256:
            raise ImageError("corrupt", f"{row.output} does not have the hash in its lineage.")
        renamed = writer.put(replace(row, output=sample.path), sample.data, sample.extras)
        moved.append(replace(row, output=renamed))
    if missing:
        raise ImageError("truncated", f"{shard} lacks {len(missing)} of its images.")
    return moved
