"""A proxy before an S3 server that deals out failures: which request meets which one, a policy decides."""

from __future__ import annotations

import http.client
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit

from tests.services.loopback import Handler, Loopback

FATES = ("500", "503", "cut", "lost", "stall")
"""``500`` and ``503`` are answers. ``cut`` ends the connection in the middle of a body: the request's where it has one,
else the answer's. ``lost`` lets the server do it and never tells. ``stall`` neither answers nor hangs up.

Rarer ones are ``200``, an error in spite of its status, ``400`` and ``409``; ``short``, half a body that claims to be
whole; and ``late``, an answer after two seconds."""

Policy = Callable[[str, str, int], str]
"""(kind, path, how many times it has been asked for) -> a fate or an empty string. Kinds: list, read, write."""

_CODES = {
    "200": "InternalError",
    "400": "RequestTimeout",
    "409": "ConditionalRequestConflict",
    "500": "InternalError",
    "503": "SlowDown",
}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def healthy(kind: str, path: str, time: int) -> str:
    """The policy by which nothing fails."""
    return ""


def seeded(seed: int, share: float) -> Policy:
    """A policy by which ``share`` of all requests fail, the same ones whatever the order in which they come."""

    def policy(kind: str, path: str, time: int) -> str:
        chance = Random(zlib.crc32(f"{seed} {kind} {path} {time}".encode()))
        return chance.choice(FATES) if chance.random() < share else ""

    return policy


class Faulty(Loopback):
    """Passes requests on to ``port`` of loopback as far as ``policy`` lets it. ``dealt`` counts (kind,
    fate), ``asked`` counts (kind, path)."""

    def __init__(self, port: int, policy: Policy = healthy) -> None:
        self.policy = policy
        self.dealt: Counter[tuple[str, str]] = Counter()
        self.asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        super().__init__(_handler(self, port))

    def fate(self, method: str, target: str) -> str:
        """What is to become of one request."""
        path, query = urlsplit(target)[2:4]
        kind = "list" if "list-type" in query else "read" if method in ("GET", "HEAD") else "write"
        with self._lock:
            self.asked[kind, path] += 1
            time = self.asked[kind, path]
        fate = self.policy(kind, path, time)
        with self._lock:
            self.dealt[kind, fate] += 1
        return fate


def _handler(proxy: Faulty, port: int) -> type[Handler]:
    class Proxy(Handler):
        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._serve(proxy.fate(self.command, self.path))

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _serve(self, fate: str) -> None:
            self.close_connection = self.close_connection or fate in ("cut", "lost", "stall")
            length = int(self.headers.get("Content-Length", 0))
            if fate == "cut" and length:
                self.rfile.read(length // 2)
                return
            body = self.rfile.read(length)
            if fate == "stall":
                proxy.ended.wait()
            elif fate in _CODES:
                self._refuse(fate)
            else:
                proxy.ended.wait(2 if fate == "late" else 0)
                self._pass_on(body, fate)

        def _refuse(self, status: str) -> None:
            text = f"<?xml version='1.0'?><Error><Code>{_CODES[status]}</Code><Message>no</Message></Error>".encode()
            self.send_response(int(status))
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text if self.command != "HEAD" else b"")

        def _pass_on(self, body: bytes, fate: str) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
            if fate == "lost":
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            half = data[: len(data) // 2]
            length = (
                len(half) if fate == "short" else answer.getheader("Content-Length") or len(data)
            )
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(half if fate in ("cut", "short") else data)

    return Proxy
