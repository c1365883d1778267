"""A proxy before a server: counts the bytes that come from it, and can make each request wait."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

SIZE = 1 << 18
"""Bytes passed on at once; their buffer is used again and again, so that the proxy costs little beside the server."""


class Meter:
    """Listens at ``url`` and passes everything on to ``port`` of loopback; ``latency`` is in seconds and is waited
    for once for each piece that the client sends after it was answered: once a request, on a connection that is kept.
    """

    def __init__(self, port: int, latency: float = 0.0) -> None:
        self._port, self._latency = port, latency
        self._lock = threading.Lock()
        self.received = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Meter:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answered = threading.Event()
                answered.set()
                threading.Thread(
                    target=self._up, args=(client, server, answered), daemon=True
                ).start()
                threading.Thread(
                    target=self._down, args=(server, client, answered), daemon=True
                ).start()

    def _up(self, client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
        with client, server, suppress(OSError):
            buffer = memoryview(bytearray(SIZE))
            while size := client.recv_into(buffer):
                if answered.is_set():
                    answered.clear()
                    time.sleep(self._latency)
                server.sendall(buffer[:size])
            server.shutdown(socket.SHUT_WR)

    def _down(
        self, server: socket.socket, client: socket.socket, answered: threading.Event
    ) -> None:
        with suppress(OSError):
            buffer = memoryview(bytearray(SIZE))
            while size := server.recv_into(buffer):
                answered.set()
                with self._lock:
                    self.received += size
                client.sendall(buffer[:size])
            client.shutdown(socket.SHUT_WR)
