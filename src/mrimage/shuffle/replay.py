"""Reading one group's stream more than once, and knowing what it held."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from mrimage.shuffle.records import Record
from mrimage.storage.local import system_errors

IN_MEMORY = 8 << 20
"""Bytes of a group that are held before it goes to a temporary file."""


class Fingerprint:
    """Names a group's content: the number of its records and the sum of their digests, in any order."""

    def __init__(self) -> None:
        self._count = self._sum = 0

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass ``records`` on and count them."""
        for record in records:
            self._count += 1
            self._sum += record.digest
            yield record

    def text(self) -> str:
        """``<records>-<sum>``, as the plan computes it from the spilled records."""
        return f"{self._count}-{self._sum}"


@contextmanager
def replayable(records: Iterator[Record], passes: int) -> Iterator[Iterator[Iterator[Record]]]:
    """``records`` as ``passes`` iterators, to be used one after the other; memory stays bounded.

    One pass streams. More are replayed from a temporary file that lives as long as the block. What the passes
    leave unread is read to the end, so that a fingerprint sees every record.
    """
    if passes == 1:
        yield iter([records])
    else:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            with system_errors(tempfile.gettempdir()):
                for record in records:
                    pickle.dump(record, spool, pickle.HIGHEST_PROTOCOL)
            yield (_replay(spool) for _ in range(passes))
    for _ in records:
        pass


def _replay(spool: IO[bytes]) -> Iterator[Record]:
    spool.seek(0)
    while True:
        try:
            yield pickle.load(spool)  # written a moment ago by this very process
        except EOFError:
            return
