"""http and https, read only: single urls, with limits per host, timeouts, and a guard against private addresses.

MRIMAGE_HTTP_PER_HOST sets how many requests a process has under way at one host (8), MRIMAGE_HTTP_SECONDS how long
one request may take (120).
"""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from mrimage import __version__
from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.storage.guard import GuardedNetwork, allows_private
from mrimage.storage.hosts import host_of
from mrimage.storage.redact import redact
from mrimage.storage.retry import seconds_from

MAX_BYTES = 2 << 30
"""Longest body that is read: more is no image, but a stream without an end."""

_REDIRECTS = 5
_MISREAD = re.compile(r"[^/]*//[^/]*[?#][^/]*@")
"""A password with a ``?`` or ``#`` that is not written as ``%3F`` or ``%23``."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(slots=True)
class _Answer:
    """What came back: ``data`` from ``start`` on, ``size`` of the whole or -1, ``etag`` or an empty string."""

    data: bytes
    start: int
    size: int
    etag: str


class HttpSource:
    """A url as a ByteSource. Its size and etag are known after the first read; a later read of another etag raises
    ImageError("changed")."""

    def __init__(self, url: str, uri: str | None = None) -> None:
        """``uri`` is the name under which the source goes, by default the url without credentials."""
        self.uri = uri or redact(url)
        self._url = url
        self._size = -1
        self._etag = ""
        self._host = host_of(_name_of_host(url, self.uri))

    @property
    def size(self) -> int:
        if self._size < 0:
            self.read(0, 1)
        return self._size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if length == 0 or 0 <= self._size <= start:
            return b""
        end = None if length is None else start + length
        answer = self._host(lambda: self._fetch(start, end))
        if self._etag and answer.etag and answer.etag != self._etag:
            raise ImageError("changed", f"{self.uri} changed while it was read.")
        self._etag = answer.etag or self._etag
        if answer.size >= 0:
            self._size = answer.size
        return answer.data[start - answer.start :][:length]

    def _fetch(self, start: int, end: int | None) -> _Answer:
        with self._host.limit:
            try:
                return self._follow(
                    start, end, time.monotonic() + seconds_from("MRIMAGE_HTTP_SECONDS", 120.0)
                )
            except (
                httpcore.TimeoutException,
                httpcore.NetworkError,
                httpcore.RemoteProtocolError,
            ) as error:
                self._host.note(error)
                reason = redact(str(error)) or type(error).__name__
                raise StoreError(f"Cannot read {self.uri}: {reason}.", transient=True) from None
            except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, ValueError) as error:
                raise StoreError(f"Cannot read {self.uri}: {redact(str(error))}.") from None

    def _follow(self, start: int, end: int | None, deadline: float) -> _Answer:
        url = self._url
        headers = {
            "User-Agent": f"mrimage/{__version__}",
            "Accept": "image/*,*/*;q=0.8",
            "Accept-Encoding": "identity",
        }
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if start and self._etag.startswith('"'):
            headers["If-Match"] = self._etag
        for _ in range(_REDIRECTS + 1):
            with _pool().stream(
                "GET",
                _plain(url),
                headers=_headers(url, headers),
                extensions={"timeout": _TIMEOUTS},
            ) as response:
                self._host.hear()
                if response.status in (301, 302, 303, 307, 308):
                    url = self._redirected(url, _header(response, b"location"))
                    continue
                return self._body(response, start, end, deadline)
        raise StoreError(f"Cannot read {self.uri}: it redirects more than {_REDIRECTS} times.")

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https"):
            raise DeniedError(
                f"Cannot read {self.uri}: it redirects to {redact(target)}, which is no http url."
            )
        return target

    def _body(
        self, response: httpcore.Response, start: int, end: int | None, deadline: float
    ) -> _Answer:
        status = response.status
        etag = _header(response, b"etag")
        length = _header(response, b"content-length")
        announced = int(length) if length.isascii() and length.isdigit() else -1
        if status == 416:
            return _Answer(b"", start, -1, etag)
        if status not in (200, 206):
            raise self._refusal(status, _seconds_of_rest(_header(response, b"retry-after")))
        first, size = 0, announced
        if status == 206:
            match = _RANGE.match(_header(response, b"content-range"))
            first, size = (
                (int(match[1]), int(match[2]) if match[2] != "*" else -1) if match else (start, -1)
            )
        # A server that ignores the range sends everything: only as much is read as was asked for.
        wanted = MAX_BYTES + 1 if end is None else end - first
        parts, got = [], 0
        for part in response.iter_stream():
            parts.append(part)
            got += len(part)
            if got > MAX_BYTES:
                raise ImageError("too-large", f"{self.uri} sends more than {MAX_BYTES >> 30} GiB.")
            if time.monotonic() > deadline:
                raise StoreError(f"Cannot read {self.uri}: the server is too slow.", transient=True)
            if got >= wanted:
                break
        if got < min(wanted, announced):
            raise StoreError(f"Cannot read {self.uri}: the body ends early.", transient=True)
        if size < 0 and got < wanted:
            size = first + got
        return _Answer(b"".join(parts), first, size, etag)

    def _refusal(self, status: int, after: float) -> Exception:
        what = f"Cannot read {self.uri}: the server answered {status}."
        if status in (404, 410):
            return NotFoundError(what)
        if status == 412:
            return ImageError("changed", f"{self.uri} changed while it was read.")
        if status in (401, 403, 407, 451):
            return DeniedError(what)
        return StoreError(what, transient=status >= 500 or status in (408, 425, 429), after=after)


def _seconds_of_rest(text: str) -> float:
    """What a Retry-After asks for (RFC 9110, 10.2.3): seconds, or a date; 0 for nothing, and for nonsense.

    >>> _seconds_of_rest("7"), _seconds_of_rest("soon"), _seconds_of_rest("Wed, 21 Oct 2015 07:28:00 GMT")
    (7.0, 0.0, 0.0)
    """
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, date.timestamp() - time.time())


_TIMEOUTS = {"connect": 5.0, "read": 20.0, "write": 20.0, "pool": 60.0}


@cache
def _pool_of(process: int, private: bool) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        max_connections=64,
        max_keepalive_connections=32,
        keepalive_expiry=15,
        network_backend=GuardedNetwork(),
    )


def _pool() -> httpcore.ConnectionPool:
    # Connections must not be shared with a forked child, nor be left over from when private addresses were allowed.
    return _pool_of(os.getpid(), allows_private())


def _name_of_host(url: str, shown: str) -> str:
    try:
        parts = urlsplit(url)
        misread = _MISREAD.match(
            url
        )  # or a part of the password would be taken for the host, and sent there
        if parts.scheme in ("http", "https") and parts.hostname and not misread:
            return f"{parts.hostname}:{parts.port or parts.scheme}"
    except ValueError:  # brackets or a port that are none
        pass
    raise StoreError(f'Expected a url as https://host/name, but received "{shown}".')


def _plain(url: str) -> bytes:
    """``url`` as it goes over the wire: without user, password and fragment, percent-encoded where it must be."""
    parts = urlsplit(url)
    host = (
        parts.netloc.rpartition("@")[2].encode("idna").decode()
        if not parts.netloc.isascii()
        else parts.netloc
    )
    query = f"?{parts.query}" if parts.query else ""
    text = f"{parts.scheme}://{host.rpartition('@')[2]}{parts.path or '/'}{query}"
    return b"".join(
        bytes([c]) if 0x21 <= c <= 0x7E else b"%%%02X" % c
        for c in text.encode("utf-8", "surrogateescape")
    )


def _headers(url: str, headers: dict[str, str]) -> Sequence[tuple[bytes | str, bytes | str]]:
    parts = urlsplit(url)
    if parts.username is None:
        return list(headers.items())
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return [*headers.items(), ("Authorization", f"Basic {b64encode(pair.encode()).decode()}")]


def _header(response: httpcore.Response, name: bytes) -> str:
    return next(
        (value.decode("latin-1") for key, value in response.headers if key.lower() == name), ""
    )
