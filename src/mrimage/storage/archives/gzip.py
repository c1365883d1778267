"""Random access into a gzip stream: inflated once from the front, with places noted from which to go on later."""

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
_PIECE = 64 << 10
_SPACING = 16 << 20
_KEPT = 512
_BOMB_RATIO = 200
_BOMB_FLOOR = 1 << 30
_GZIP = 16 + zlib.MAX_WBITS


class _State:
    """A point of the stream: ``taken`` bytes went in, ``given`` bytes came out, ``inflater`` holds the rest."""

    __slots__ = ("given", "inflater", "taken")

    def __init__(self, taken: int, given: int, inflater: _Decompress) -> None:
        self.taken = taken
        self.given = given
        self.inflater = inflater

    def copy(self) -> _State:
        return _State(self.taken, self.given, self.inflater.copy())


class GunzipSource:
    """The inflated bytes of a gzip file. Reading forwards is one pass; going back starts at the nearest noted point,
    one every 16 MB (a copy of the inflater: its window of 32 KB and its tables).

    A stream that inflates to more than 200 times its size, beyond a gigabyte, is refused as "too-large".
    """

    def __init__(self, source: ByteSource) -> None:
        self.uri = source.uri
        self._source = source
        self._lock = threading.Lock()
        self._points = [_State(0, 0, zlib.decompressobj(_GZIP))]
        self._now = self._points[0].copy()
        self._pending = b""

    @property
    def size(self) -> int:
        """Not known without inflating all of it: a bound that no tar reaches."""
        return 1 << 62

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """See ByteSource; raises ImageError "truncated" or "corrupt" where the stream is, and is short before that."""
        end = self.size if length is None else start + length
        with self._lock:
            if start < self._now.given - len(self._pending) or self._is_behind_point(start):
                self._go_back(start)
            return self._collect(start, end)

    def _is_behind_point(self, start: int) -> bool:
        return self._points[self._nearest(start)].given > self._now.given

    def _nearest(self, start: int) -> int:
        return bisect_right(self._points, start, key=lambda point: point.given) - 1

    def _go_back(self, start: int) -> None:
        self._now = self._points[self._nearest(start)].copy()
        self._pending = b""

    def _collect(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``. ``_pending`` keeps the last piece, which the next read often wants."""
        parts: list[bytes] = []
        position = self._now.given - len(self._pending)
        piece = self._pending
        while True:
            if position + len(piece) > start and position < end:
                parts.append(piece[max(start - position, 0) : end - position])
            if position + len(piece) >= end:
                return b"".join(parts)
            position = self._now.given
            try:
                piece = self._pending = self._inflate()
            except ImageError:
                if not parts:
                    raise
                piece = b""  # what came before the damage is whole; the next read tells
            if not piece:
                return b"".join(parts)

    def _inflate(self) -> bytes:
        """The next piece, empty at the end of the stream. One that the stream is damaged in is lost, so it is small."""
        now = self._now
        while True:
            if now.inflater.eof:
                rest = now.inflater.unused_data
                now.taken -= len(rest)
                head = self._source.read(now.taken, 2)
                if head[:2] != b"\x1f\x8b":  # padding, or nothing
                    return b""
                now.inflater = zlib.decompressobj(_GZIP)
            waiting = now.inflater.unconsumed_tail
            data = waiting or self._source.read(now.taken, _INPUT)
            if not data and not now.taken:
                raise ImageError("empty", f"{self.uri} has no bytes.")
            if not data:
                raise ImageError("truncated", f"{self.uri} is cut off: its gzip stream has no end.")
            try:
                piece = now.inflater.decompress(data, _PIECE)
            except zlib.error as error:
                raise ImageError("corrupt", f"{self.uri} is damaged: {error}.") from error
            now.taken += 0 if waiting else len(data)
            now.given += len(piece)
            self._check(now)
            if piece:
                return piece

    def _check(self, now: _State) -> None:
        if now.given > _BOMB_FLOOR and now.given > _BOMB_RATIO * max(now.taken, 1):
            raise ImageError(
                "too-large", f"{self.uri} inflates to more than {_BOMB_RATIO} times its size."
            )
        last = self._points[-1]
        if (
            now.given - last.given >= _SPACING
            and len(self._points) < _KEPT
            and not now.inflater.eof
        ):
            self._points.append(now.copy())
