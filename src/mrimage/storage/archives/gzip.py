"""Random access to a gzip stream: it is inflated once from the beginning, with checkpoints from
which inflating can resume."""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.types import ByteSource

if TYPE_CHECKING:
    from zlib import _Decompress

_INPUT = 256 << 10
"""Compressed bytes read at a time."""

_PIECE = 64 << 10
"""Most bytes inflated at a time."""

_SPACING = 16 << 20
"""Inflated bytes between two checkpoints."""

_MAX_CHECKPOINTS = 512

_BOMB_RATIO = 200
_BOMB_FLOOR = 1 << 30
"""A stream with more inflated bytes than this, and with more than the ratio times its compressed
size, is a bomb."""

_GZIP = 16 + zlib.MAX_WBITS
"""``wbits`` of zlib for a gzip header and trailer."""

_GZIP_MAGIC = b"\x1f\x8b"


class _Checkpoint:
    """A position in the stream.

    ``taken`` compressed bytes went in, ``given`` inflated bytes came out, and ``inflater`` holds
    the rest of the state.
    """

    __slots__ = ("given", "inflater", "taken")

    def __init__(self, taken: int, given: int, inflater: _Decompress) -> None:
        self.taken = taken
        self.given = given
        self.inflater = inflater

    def copy(self) -> _Checkpoint:
        return _Checkpoint(self.taken, self.given, self.inflater.copy())


class GunzipSource:
    """The inflated bytes of a gzip file.

    Reading forwards is one pass. Going back starts from the nearest of the checkpoints, which are
    16 MB apart (each one a copy of the inflater: its window of 32 KB and its tables).

    Rejects a stream that inflates to more than 200 times its size and more than a gigabyte, as
    "too-large".
    """

    def __init__(self, source: ByteSource) -> None:
        self.uri = source.uri
        self._source = source
        self._lock = threading.Lock()
        self._checkpoints = [_Checkpoint(0, 0, zlib.decompressobj(_GZIP))]
        self._now = self._checkpoints[0].copy()
        # The piece inflated last, which ends at ``_now``: the next read often needs it again.
        self._last_piece = b""

    @property
    def size(self) -> int:
        """A bound that no tar reaches: finding the real size would need inflating everything."""
        return 1 << 62

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Read like a ByteSource.

        Raises ImageError "truncated" or "corrupt" at the damage; a read that begins before it
        returns fewer bytes.
        """
        end = self.size if length is None else start + length
        with self._lock:
            is_before = start < self._now.given - len(self._last_piece)
            if is_before or self._has_checkpoint_ahead(start):
                self._restart(start)
            return self._collect(start, end)

    def _has_checkpoint_ahead(self, start: int) -> bool:
        """Whether a checkpoint is closer to ``start`` than the current position."""
        return self._checkpoints[self._nearest(start)].given > self._now.given

    def _nearest(self, start: int) -> int:
        """The index of the last checkpoint at or before ``start``."""
        return bisect_right(self._checkpoints, start, key=lambda point: point.given) - 1

    def _restart(self, start: int) -> None:
        self._now = self._checkpoints[self._nearest(start)].copy()
        self._last_piece = b""

    def _collect(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to ``end``, inflating as far as needed."""
        parts: list[bytes] = []
        piece = self._last_piece
        position = self._now.given - len(piece)
        while True:
            piece_end = position + len(piece)
            if piece_end > start and position < end:
                parts.append(piece[max(start - position, 0) : end - position])
            if piece_end >= end:
                return b"".join(parts)
            position = self._now.given
            try:
                piece = self._inflate()
                self._last_piece = piece
            except ImageError:
                if not parts:
                    raise
                # The bytes before the damage are intact; the next read raises the error.
                piece = b""
            if not piece:
                return b"".join(parts)

    def _inflate(self) -> bytes:
        """Inflate the next piece; empty at the end of the stream.

        Damage loses a whole piece, so pieces are small.
        """
        now = self._now
        while True:
            if now.inflater.eof and not self._begin_next_member(now):
                return b""
            waiting = now.inflater.unconsumed_tail
            data = waiting or self._source.read(now.taken, _INPUT)
            if not data:
                raise self._no_more_data(now)
            try:
                piece = now.inflater.decompress(data, _PIECE)
            except zlib.error as error:
                raise ImageError("corrupt", f"{self.uri} is damaged: {error}.") from error
            if not waiting:
                now.taken += len(data)
            now.given += len(piece)
            self._check_ratio(now)
            self._add_checkpoint(now)
            if piece:
                return piece

    def _begin_next_member(self, now: _Checkpoint) -> bool:
        """Go to the next gzip member: a file may be several in a row (RFC 1952, 2.2).

        Returns False if only padding follows, or nothing.
        """
        now.taken -= len(now.inflater.unused_data)
        if self._source.read(now.taken, 2) != _GZIP_MAGIC:
            return False
        now.inflater = zlib.decompressobj(_GZIP)
        return True

    def _no_more_data(self, now: _Checkpoint) -> ImageError:
        if not now.taken:
            return ImageError("empty", f"{self.uri} has no bytes.")
        return ImageError("truncated", f"{self.uri} is cut off: its gzip stream has no end.")

    def _check_ratio(self, now: _Checkpoint) -> None:
        if now.given > _BOMB_FLOOR and now.given > _BOMB_RATIO * max(now.taken, 1):
            raise ImageError(
                "too-large", f"{self.uri} inflates to more than {_BOMB_RATIO} times its size."
            )

    def _add_checkpoint(self, now: _Checkpoint) -> None:
        distance = now.given - self._checkpoints[-1].given
        has_room = len(self._checkpoints) < _MAX_CHECKPOINTS
        if distance >= _SPACING and has_room and not now.inflater.eof:
            self._checkpoints.append(now.copy())
