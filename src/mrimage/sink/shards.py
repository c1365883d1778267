"""The sink that packs a task's images in shards: few large files instead of millions of small ones.

A shard never changes. One that must lose images is written anew under another name, the lineage turns to that one,
and then the old one goes: whoever stops in between, or reads meanwhile, finds every image that the lineage tells of.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import BinaryIO, Protocol

from mrimage.errors import ImageError
from mrimage.sink.naming import sample_name
from mrimage.sink.parquet import ParquetShard, read_parquet_shard
from mrimage.sink.sample import Sample
from mrimage.sink.spool import Spool
from mrimage.sink.webdataset import TarShard, read_tar_shard
from mrimage.storage import Store, StoreSource
from mrimage.storage.local import store_error
from mrimage.types import ByteSource, OutputRow

SHARD_SIZE = 256_000_000
"""Bytes of a shard where the job does not say."""

_NAME = re.compile(r"(images/[0-9a-f]{32}-\d{5,})(?:-[0-9a-f]{8})?(\.tar|\.parquet)")


class Shard(Protocol):
    """A container being filled. ``size`` is what it would have in bytes if it ended now."""

    size: int

    def __init__(self, file: BinaryIO) -> None: ...

    @staticmethod
    def cost(row: OutputRow, data: bytes) -> int:
        """Bytes that ``add`` makes the shard grow by, about; never too few."""
        ...

    def add(self, row: OutputRow, data: bytes) -> str:
        """Append an image called ``row.output`` and answer its name in the shard, as the source readers have it."""
        ...

    def finish(self) -> None:
        """Write the end; the file is whole then."""
        ...


@dataclass(frozen=True, slots=True)
class ShardFormat:
    """A container: its files' ending, how it is written and how it is read back, each shard in one pass."""

    suffix: str
    shard: type[Shard]
    read: Callable[[ByteSource], Iterator[Sample]]


SHARD_FORMATS: Mapping[str, ShardFormat] = MappingProxyType(
    {
        "webdataset": ShardFormat(".tar", TarShard, read_tar_shard),
        "parquet": ShardFormat(".parquet", ParquetShard, read_parquet_shard),
    }
)
"""Shard sinks by the names that ``--output`` accepts."""


class ShardSink:
    """Images in shards ``images/<task>-<number>`` of at most about ``limit`` bytes, numbered from 0.

    The same task makes the same bytes under the same names, so a second attempt, even at the same time, changes
    nothing. An image larger than ``limit`` is a shard of its own.
    """

    def __init__(self, store: Store, shard_format: ShardFormat, task: str, limit: int) -> None:
        self._store, self._kind, self._task, self._limit = store, shard_format, task, limit
        self._number = 0
        self._open: ShardWriter | None = None

    def name(self, key: str, path: str, extension: str) -> str:
        return sample_name(key, path, extension)

    def put(self, row: OutputRow, data: bytes) -> str:
        if self._open and self._open.shard.size + self._kind.shard.cost(row, data) > self._limit:
            self.close()
        if not self._open:
            name = f"images/{self._task}-{self._number:05}{self._kind.suffix}"
            self._open = ShardWriter(self._store, self._kind, name)
        return self._open.put(row, data)

    def close(self) -> None:
        if self._open:
            self._open.close()
            self._open, self._number = None, self._number + 1


class ShardWriter:
    """One shard on its way to ``name``."""

    def __init__(self, store: Store, shard_format: ShardFormat, name: str) -> None:
        self._store, self._name = store, name
        self._spool = Spool(store, name)
        self.shard = shard_format.shard(self._spool.file)

    def put(self, row: OutputRow, data: bytes) -> str:
        """Append an image; answer its name below OUT."""
        try:
            return f"{self._name}!/{self.shard.add(row, data)}"
        except OSError as error:
            self._spool.discard()
            raise store_error(error, "write", self._store.uri(self._name)) from error

    def close(self) -> None:
        """End the shard and put it in place."""
        try:
            self.shard.finish()
        except OSError as error:
            self._spool.discard()
            raise store_error(error, "write", self._store.uri(self._name)) from error
        self._spool.deliver()

    def discard(self) -> None:
        """Give up."""
        self._spool.discard()


def split_output(output: str) -> tuple[str, str]:
    """The file below OUT that holds ``output``, and its name in it, which is empty for a file of its own.

    >>> split_output("images/3f-00000.tar!/srgb/a~png.webp"), split_output("images/srgb/a.png")
    (('images/3f-00000.tar', 'srgb/a~png.webp'), ('images/srgb/a.png', ''))
    """
    file, _, member = output.partition("!/")
    return file, member


def output_uri(store: Store, output: str) -> str:
    """The uri from which ``storage.open_uri`` reads ``output``, be it a file or in a shard."""
    file, member = split_output(output)
    return f"{store.uri(file)}!/{member}" if member else store.uri(file)


def is_shard_name(name: str) -> bool:
    """Whether the file ``name`` below OUT is called as this sink calls its shards."""
    return bool(_NAME.fullmatch(name))


def read_shard(store: Store, name: str) -> Iterator[Sample]:
    """The images of a shard, each with its name there, in one pass with bounded memory.

    Raises StoreError, and ImageError where the container is damaged: what came before is whole.
    """
    read = next(format.read for format in SHARD_FORMATS.values() if name.endswith(format.suffix))
    # With what it is now, no read asks for bytes behind its end, which some servers refuse.
    return read(StoreSource(store, name, store.uri(name), store.stat(name)))


def repack(store: Store, rows: Iterable[OutputRow], gone: Iterable[OutputRow]) -> list[OutputRow]:
    """Write the shards that hold any of ``gone`` anew without them; answer the lineage of what stays in those shards.

    ``rows`` are the lineage of the task. The old shards stay; they are to be deleted once the lineage has turned away
    from them. Raises ImageError or StoreError where a shard does not hold what the lineage says.
    """
    left = {row.output for row in gone}
    touched = {split_output(output)[0] for output in left}
    moved: list[OutputRow] = []
    for shard, members in groupby(
        sorted(rows, key=_output), lambda row: split_output(row.output)[0]
    ):
        if shard in touched:
            kept = {row.output: row for row in members if row.output not in left}
            moved += _rewrite(store, shard, kept, sorted(left)) if kept else []
    return moved


def _rewrite(
    store: Store, shard: str, kept: dict[str, OutputRow], gone: list[str]
) -> list[OutputRow]:
    match = _NAME.fullmatch(shard)
    assert match
    digest = hashlib.blake2b("\0".join([shard, *gone]).encode(), digest_size=4).hexdigest()
    format = next(format for format in SHARD_FORMATS.values() if format.suffix == match[2])
    writer = ShardWriter(store, format, f"{match[1]}-{digest}{match[2]}")
    moved: list[OutputRow] = []
    try:
        for sample in read_shard(store, shard):
            row = kept.pop(f"{shard}!/{sample.name}", None)
            if row is None:
                continue
            if hashlib.sha256(sample.data).hexdigest() != row.sha256:
                raise ImageError("corrupt", f"{row.output} does not have the hash of its lineage.")
            moved.append(
                replace(row, output=writer.put(replace(row, output=sample.path), sample.data))
            )
        if kept:
            raise ImageError("truncated", f"{shard} lacks {len(kept)} of its images.")
    except BaseException:
        writer.discard()
        raise
    writer.close()
    return moved


def _output(row: OutputRow) -> str:
    return row.output
