"""Reads one group's stream of records more than once, and fingerprints what it held."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from mrimage.shuffle.records import Record
from mrimage.storage.local import system_errors

IN_MEMORY = 8 << 20
"""Bytes of a group that are held in memory; a larger group is kept in a temporary file."""

OVERHEAD = 500
"""Bytes that a record occupies besides its data, roughly."""

_LENGTH = 4
"""Bytes of the length that precedes each record in that file (little-endian)."""


class Fingerprint:
    """Names a group's content by the number and the sum of its records' digests, in any order."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield ``records``, counting them as they pass."""
        for record in records:
            self._count += 1
            self._sum += record.digest
            yield record

    def text(self) -> str:
        """``<records>-<sum>``, which equals what the plan computes from the spilled records."""
        return f"{self._count}-{self._sum}"


class Replay:
    """One group's records, read as often as its reducers need them, in bounded memory.

    The first pass streams. With ``keep``, the records that passed stay in memory, and many of them
    in a temporary file, for as long as the ``with`` block, so that ``read`` can be called again. A later pass also reads what
    an earlier one left unread. Only one pass may run at a time.
    """

    def __init__(self, records: Iterable[Record], keep: bool) -> None:
        self._records = iter(records)
        self._keep = keep
        self._held: list[Record] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file:
            self._file.close()

    def read(self) -> Iterator[Record]:
        """Yield the group's records from its first one."""
        if self._file:
            self._file.seek(0)
            yield from _read(self._file)
        yield from self._held
        for record in self._records:
            if self._keep:
                self._hold(record)
            yield record

    def _hold(self, record: Record) -> None:
        self._held.append(record)
        self._bytes += len(record.data) + OVERHEAD
        if self._bytes > IN_MEMORY:
            with system_errors(tempfile.gettempdir()):
                self._spill()

    def _spill(self) -> None:
        """Move the records that are held in memory to the end of the temporary file."""
        if self._file is None:
            # __exit__ closes it.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(0, io.SEEK_END)
        for record in self._held:
            frame = msgspec.msgpack.encode(record)
            self._file.write(len(frame).to_bytes(_LENGTH, "little") + frame)
        self._held.clear()
        self._bytes = 0

    def finish(self) -> None:
        """Read what no pass has read, so that a fingerprint sees every record."""
        for _ in self._records:
            pass


def _read(file: IO[bytes]) -> Iterator[Record]:
    decoder = msgspec.msgpack.Decoder(Record)
    while length := file.read(_LENGTH):
        yield decoder.decode(file.read(int.from_bytes(length, "little")))
