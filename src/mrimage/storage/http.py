"""Read-only access to http and https urls, with limits per host, timeouts, and a guard against
private addresses.

MRIMAGE_HTTP_PER_HOST limits the concurrent requests of a process to one host (default 8).
MRIMAGE_HTTP_SECONDS limits the duration of one request in seconds (default 120).
"""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from mrimage import __version__
from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.storage.guard import GuardedNetwork
from mrimage.storage.hosts import host_of
from mrimage.storage.redact import redact
from mrimage.storage.retry import seconds_from
from mrimage.storage.settings import DEFAULT, StoreSettings, allows_private

MAX_BYTES = 2 << 30
"""Longest body in bytes: anything longer is an endless stream, not an image."""

_MAX_REDIRECTS = 5
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)

_MISREAD_PASSWORD = re.compile(r"[^/]*//[^/]*[?#][^/]*@")
"""A url with an unescaped ``?`` or ``#`` in its password (it should be ``%3F`` or ``%23``)."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

_TIMEOUTS = {"connect": 5.0, "read": 20.0, "write": 20.0, "pool": 60.0}


@dataclass(slots=True)
class _Body:
    """The part of a resource that one response contains.

    ``data`` begins at byte ``start``. ``size`` is the length of the whole resource, or -1 if
    unknown. ``etag`` is empty if the server sent none.
    """

    data: bytes
    start: int
    size: int
    etag: str


class HttpSource:
    """A url as a ByteSource. The first read finds out its size and its etag.

    A later read raises ImageError("changed") if the etag is a different one.
    """

    def __init__(self, url: str, settings: StoreSettings = DEFAULT, uri: str | None = None) -> None:
        """``uri`` is the name that results and messages show: by default, the redacted url."""
        self.uri = uri or redact(url)
        self._url = url
        self._settings = settings
        self._size = -1
        self._etag = ""
        self._host = host_of(_host_and_port(url, self.uri))

    @property
    def size(self) -> int:
        if self._size < 0:
            self.read(0, 1)
        return self._size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        is_past_end = 0 <= self._size <= start
        if length == 0 or is_past_end:
            return b""
        end = None if length is None else start + length
        body = self._host(lambda: self._fetch(start, end))
        if self._etag and body.etag and body.etag != self._etag:
            raise self._changed()
        self._etag = body.etag or self._etag
        if body.size >= 0:
            self._size = body.size
        from_start = body.data[start - body.start :]
        return from_start[:length]

    def _changed(self) -> ImageError:
        return ImageError("changed", f"{self.uri} changed while it was being read.")

    def _fetch(self, start: int, end: int | None) -> _Body:
        with self._host.limit:
            deadline = time.monotonic() + seconds_from("MRIMAGE_HTTP_SECONDS", 120.0)
            try:
                return self._follow_redirects(start, end, deadline)
            except (
                httpcore.TimeoutException,
                httpcore.NetworkError,
                httpcore.RemoteProtocolError,
            ) as error:
                self._host.note_failure(error)
                reason = redact(str(error)) or type(error).__name__
                raise StoreError(f"Cannot read {self.uri}: {reason}.", transient=True) from None
            except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, ValueError) as error:
                raise StoreError(f"Cannot read {self.uri}: {redact(str(error))}.") from None

    def _follow_redirects(self, start: int, end: int | None, deadline: float) -> _Body:
        url = self._url
        headers = self._request_headers(start, end)
        for _ in range(_MAX_REDIRECTS + 1):
            with _pool(self._settings).stream(
                "GET",
                _request_target(url),
                headers=_with_authorization(url, headers),
                extensions={"timeout": _TIMEOUTS},
            ) as response:
                self._host.note_response()
                if response.status not in _REDIRECT_STATUSES:
                    return self._read_body(response, start, end, deadline)
                url = self._redirected(url, _header(response, b"location"))
        raise StoreError(f"Cannot read {self.uri}: it redirects more than {_MAX_REDIRECTS} times.")

    def _request_headers(self, start: int, end: int | None) -> dict[str, str]:
        headers = {
            "User-Agent": f"mrimage/{__version__}",
            "Accept": "image/*,*/*;q=0.8",
            # A compressed body would make ranges count other bytes than the image's.
            "Accept-Encoding": "identity",
        }
        if start or end is not None:
            last = "" if end is None else end - 1
            headers["Range"] = f"bytes={start}-{last}"
        # If-Match compares strong etags only (RFC 9110, 13.1.1); a weak one begins with W/.
        if start and self._etag.startswith('"'):
            headers["If-Match"] = self._etag
        return headers

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https"):
            raise DeniedError(
                f"Cannot read {self.uri}: it redirects to {redact(target)}, but only redirects to "
                "http and https urls are followed."
            )
        return target

    def _read_body(
        self, response: httpcore.Response, start: int, end: int | None, deadline: float
    ) -> _Body:
        status = response.status
        etag = _header(response, b"etag")
        if status == 416:  # the range begins past the end
            return _Body(b"", start, -1, etag)
        if status not in (200, 206):
            raise self._refusal(status, _retry_after(_header(response, b"retry-after")))

        announced = _content_length(response)
        first = 0
        size = announced
        if status == 206:
            first, size = _content_range(response, start)
        # A server that ignores the range sends everything: stop as soon as the range is complete.
        wanted = MAX_BYTES + 1 if end is None else end - first

        data = b"".join(self._chunks(response, wanted, deadline))
        if len(data) < min(wanted, announced):
            raise StoreError(f"Cannot read {self.uri}: the body ends early.", transient=True)
        if size < 0 and len(data) < wanted:
            size = first + len(data)
        return _Body(data, first, size, etag)

    def _chunks(self, response: httpcore.Response, wanted: int, deadline: float) -> Iterator[bytes]:
        """Yield the body in pieces until it ends or ``wanted`` bytes have arrived."""
        received = 0
        for chunk in response.iter_stream():
            yield chunk
            received += len(chunk)
            if received > MAX_BYTES:
                raise ImageError("too-large", f"{self.uri} sends more than {MAX_BYTES >> 30} GiB.")
            if time.monotonic() > deadline:
                raise StoreError(f"Cannot read {self.uri}: the server is too slow.", transient=True)
            if received >= wanted:
                return

    def _refusal(self, status: int, after: float) -> Exception:
        message = f"Cannot read {self.uri}: the server answered {status}."
        if status in (404, 410):
            return NotFoundError(message)
        if status == 412:
            return self._changed()
        if status in (401, 403, 407, 451):
            return DeniedError(message)
        transient = status >= 500 or status in (408, 425, 429)
        return StoreError(message, transient=transient, after=after)


def _retry_after(text: str) -> float:
    """Seconds to wait according to a Retry-After header (RFC 9110, 10.2.3).

    The header is a number of seconds or a date. An empty or invalid one counts as 0.

    >>> _retry_after("7"), _retry_after("soon"), _retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    (7.0, 0.0, 0.0)
    """
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, date.timestamp() - time.time())


def _content_length(response: httpcore.Response) -> int:
    """The announced length of the body in bytes, or -1."""
    text = _header(response, b"content-length")
    return int(text) if text.isascii() and text.isdigit() else -1


def _content_range(response: httpcore.Response, start: int) -> tuple[int, int]:
    """The first byte of a partial response and the size of the whole resource, or -1."""
    match = _CONTENT_RANGE.match(_header(response, b"content-range"))
    if not match:
        return start, -1
    size = -1 if match[2] == "*" else int(match[2])
    return int(match[1]), size


@cache
def _pool_of(process: int, private: bool) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        max_connections=64,
        max_keepalive_connections=32,
        keepalive_expiry=15,
        network_backend=GuardedNetwork(private),
    )


def _pool(settings: StoreSettings) -> httpcore.ConnectionPool:
    # A connection must not be shared with a forked child, nor with a run that may not reach
    # private addresses.
    return _pool_of(os.getpid(), allows_private(settings))


def _host_and_port(url: str, shown: str) -> str:
    """The host of ``url`` and its port or scheme. Raises StoreError for an invalid url."""
    try:
        parts = urlsplit(url)
        # urlsplit would take a part of such a password for the host, and we would send it there.
        is_misread = _MISREAD_PASSWORD.match(url)
        if parts.scheme in ("http", "https") and parts.hostname and not is_misread:
            return f"{parts.hostname}:{parts.port or parts.scheme}"
    except ValueError:
        # urlsplit rejects unbalanced brackets, and ``port`` rejects anything but a port number.
        pass
    raise StoreError(f'A url must look like https://host/name, but got "{shown}".')


def _request_target(url: str) -> bytes:
    """``url`` as the request needs it: without user, password and fragment, percent-encoded."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if not parts.netloc.isascii():
        host = host.encode("idna").decode()
    query = f"?{parts.query}" if parts.query else ""
    text = f"{parts.scheme}://{host}{parts.path or '/'}{query}"
    encoded = text.encode("utf-8", "surrogateescape")
    return b"".join(_escaped(byte) for byte in encoded)


def _escaped(byte: int) -> bytes:
    is_printable_ascii = 0x21 <= byte <= 0x7E
    return bytes([byte]) if is_printable_ascii else b"%%%02X" % byte


def _with_authorization(
    url: str, headers: dict[str, str]
) -> Sequence[tuple[bytes | str, bytes | str]]:
    """``headers``, and the url's user and password as basic authentication (RFC 7617)."""
    parts = urlsplit(url)
    if parts.username is None:
        return list(headers.items())
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    encoded = b64encode(pair.encode()).decode()
    return [*headers.items(), ("Authorization", f"Basic {encoded}")]


def _header(response: httpcore.Response, name: bytes) -> str:
    """The value of a response header, or an empty string."""
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return ""
