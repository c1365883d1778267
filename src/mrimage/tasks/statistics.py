"""What map learns of an image for the second pass, which edits it knowing its group."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mrimage.errors import ImageError, JobError, StoreError
from mrimage.image import Image, Metadata
from mrimage.job.faults import code_error, describe_start
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Value
from mrimage.job.statistic import Statistic
from mrimage.shuffle.records import SPILL_BYTES
from mrimage.shuffle.values import UnfitValue, encode_value
from mrimage.storage.fields import encode_fields
from mrimage.tables.entries import places_of
from mrimage.tables.schemas import STATISTICS
from mrimage.types import Edits, Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

OWN = ""
"""The method of a member that the job's own ``each`` edits."""

_LATEST = "9999"
"""Images without a date come after those with one."""

_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class MemberStatistic:
    """What an image contributes to the statistic of its group: encoded plain data.

    ``method`` is the group correction, or OWN. ``rank`` sorts the images of the group by time, if
    the correction asks for that; otherwise it is empty.
    """

    key: str
    method: str
    value: bytes
    rank: str = ""


def group_member(
    image: Image, key: str, edits: Edits, keep: Callable[[NDArray[Any]], None]
) -> MemberStatistic:
    """What ``image`` contributes for the group correction of ``edits``. Raises ImageError.

    ``keep`` gets the pixels that the second pass needs, if they are few.
    """
    method = edits.correct
    assert method
    rank = time_rank(image.metadata, image.path) if method == "deflicker" else ""
    return MemberStatistic(key, method, encode_value(image.group_statistic(edits, keep)), rank)


def own_members(job: Job, image: Image, keys: Iterable[str]) -> list[MemberStatistic]:
    """What ``image`` contributes to the job's own statistic of each key: None if there is none.

    Raises ImageError, CodeError if the job's function fails, and JobError if it returns something
    that is not plain data, because then all images do.
    """
    value = encode_value(None)
    if job.statistic is not None:
        value = _contribution(job.statistic, image)
    return [MemberStatistic(key, OWN, value) for key in keys]


def _contribution(statistic: Statistic, image: Image) -> bytes:
    name = f"the statistic {name_function(statistic.of)}"
    try:
        value: Value = statistic.of(image)
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt):
        raise
    # Not only Exception: SystemExit too, and the panics of libraries written in Rust.
    except BaseException as error:
        raise code_error(name, error) from error
    try:
        return encode_value(value)
    except UnfitValue as error:
        raise JobError(
            f"Expected {name} to return plain data, but it returned {error}"
            f"{describe_start(statistic.of)}."
        ) from None


def time_rank(metadata: Metadata, path: str) -> str:
    """A text that sorts images by when they were taken, and then by name; those without a date come
    last. Numbers in names sort by their value: ``2.jpg`` before ``10.jpg``."""
    taken = metadata.taken_at.isoformat() if metadata.taken_at else _LATEST
    name = _DIGITS.sub(lambda digits: digits[0].zfill(20), path)
    return f"{taken} {name}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of STATISTICS. ``carried`` is encoded plain data."""

    entry: Entry
    member: MemberStatistic
    carried: bytes


class StatisticsWriter:
    """Collects what a map task's images contribute, and writes it in parts of a bounded size."""

    def __init__(self, write: Callable[[str, pa.Table], None]) -> None:
        self._write = write
        self._rows: list[_Row] = []
        self._bytes = 0
        self._parts = 0

    def add(
        self, entry: Entry, members: list[MemberStatistic], carried: Mapping[str, object]
    ) -> None:
        """Add what one image contributes. ``carried`` are the values of the catalogue that shards
        have beside its outputs."""
        if not members:
            return
        encoded = encode_value(dict(carried))
        self._rows += [_Row(entry, member, encoded) for member in members]
        self._bytes += sum(len(member.value) for member in members)
        if self._bytes >= SPILL_BYTES:
            for name, table in self.rest().items():
                self._write(name, table)

    def rest(self) -> dict[str, pa.Table]:
        """Return what is held as the table of one part, for the caller to write. The result is
        empty if nothing is held."""
        if not self._rows:
            return {}
        table = _to_table(self._rows)
        name = f"statistics-{self._parts:05}"
        self._rows = []
        self._bytes = 0
        self._parts += 1
        return {name: table}


def _to_table(rows: list[_Row]) -> pa.Table:
    columns: dict[str, Any] = {
        "key": [row.member.key for row in rows],
        "method": [row.member.method for row in rows],
        "uri": [row.entry.uri for row in rows],
        "rank": [row.member.rank for row in rows],
        "value": [row.member.value for row in rows],
        "path": [row.entry.path for row in rows],
        "size": [row.entry.size for row in rows],
        "version": [row.entry.version for row in rows],
        "place": places_of(row.entry for row in rows),
        "fields": [encode_fields(row.entry.fields) for row in rows],
        "carried": [row.carried for row in rows],
        "digest": [_digest(row) for row in rows],
    }
    return pa.table(columns, STATISTICS)


def _digest(row: _Row) -> str:
    """A hash of the image's version, of everything that it contributes, and of what comes along
    with its outputs."""
    entry = row.entry
    member = row.member
    names = (member.key, member.method, entry.uri, entry.version, member.rank)
    content = "\0".join(names).encode("utf-8", "surrogatepass") + b"\0" + member.value
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(encode_fields(entry.fields).encode() + b"\0" + row.carried)
    return digest.hexdigest()
