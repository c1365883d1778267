"""An HTTP server that misbehaves on request: what a path asks for, it does."""

from __future__ import annotations

from collections import Counter
from http.server import BaseHTTPRequestHandler

from tests.services.loopback import Handler, Loopback


class Web(Loopback):
    """Serves ``data`` at ``/good/...`` with ranges; other first parts of a path name what goes wrong.

    ``/flaky/N/...`` fails with N the first two times; ``/status/N`` always; ``/rest/N/`` asks for N seconds of rest the first two times;
    ``/cut/`` ends each second body early;
    ``/norange/`` ignores ranges; ``/short/`` announces more than it has; ``/endless/`` never ends; ``/slow/`` never
    answers; ``/hops/N`` redirects N times; ``/to/URL`` redirects there.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.requests: Counter[str] = Counter()
        self.left: int | None = None
        """How many requests it answers before it hangs up on all others; None for all."""
        web = self

        class Asked(Handler):
            def do_GET(self) -> None:
                if web.left is not None:
                    web.left -= 1
                    if web.left < 0:
                        self.close_connection = True
                        return
                web.requests[self.path] += 1
                kind, _, rest = self.path.lstrip("/").partition("/")
                try:
                    getattr(web, f"_{kind}")(self, rest, web.requests[self.path])
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        super().__init__(Asked)

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str
    ) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    def _good(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        asked = request.headers.get("Range", "").removeprefix("bytes=")
        if not asked:
            self._send(request, 200, self.data, ETag='"1"')
            return
        first, _, last = asked.partition("-")
        start, end = int(first), min(int(last) + 1, len(self.data)) if last else len(self.data)
        if start >= len(self.data):
            self._send(request, 416, b"", Content_Range=f"bytes */{len(self.data)}")
            return
        body = self.data[start:end]
        self._send(
            request,
            206,
            body,
            Content_Range=f"bytes {start}-{end - 1}/{len(self.data)}",
            ETag='"1"',
        )

    def _flaky(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        if time_of_asking <= 2:
            self._send(request, int(rest.partition("/")[0]), b"try again")
        else:
            self._good(request, rest, time_of_asking)

    def _rest(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        if time_of_asking <= 2:
            self._send(request, 429, b"later", Retry_After=rest.partition("/")[0])
        else:
            self._good(request, rest, time_of_asking)

    def _status(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        self._send(request, int(rest.partition("/")[0]), b"<html>no</html>")

    def _cut(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        if time_of_asking % 2:
            request.send_response(200)
            request.send_header("Content-Length", str(len(self.data)))
            request.end_headers()
            request.wfile.write(self.data[: len(self.data) // 2])
            request.close_connection = True
        else:
            self._good(request, rest, time_of_asking)

    def _norange(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        self._send(request, 200, self.data)

    def _short(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        self._send(request, 200, self.data[:100], Content_Length=str(len(self.data)))
        request.close_connection = True

    def _endless(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        request.send_response(200)
        request.end_headers()
        while not self.ended.is_set():
            request.wfile.write(bytes(1 << 20))

    def _slow(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        self.ended.wait(60)
        request.close_connection = True

    def _hops(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        left = int(rest)
        if left == 0:
            self._good(request, rest, time_of_asking)
        else:
            self._send(request, 302, b"", Location=f"/hops/{left - 1}")

    def _to(self, request: BaseHTTPRequestHandler, rest: str, time_of_asking: int) -> None:
        self._send(request, 302, b"", Location=rest)
