"""An S3 server that has any number of objects and no bytes: it answers listings, page by page, from arithmetic."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

PAGE = 1000


class Listing:
    """``count`` objects ``photos/<number>.jpg`` in every bucket; ``pages`` tells how many pages were asked for."""

    def __init__(self, count: int) -> None:
        self.pages = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                start = int(query.get("continuation-token", ["0"])[0])
                end = min(start + PAGE, count)
                outer.pages += 1
                rows = "".join(
                    f"<Contents><Key>photos/{number:09}.jpg</Key><Size>50000</Size><ETag>&quot;{number:x}&quot;</ETag>"
                    "<LastModified>2026-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
                    for number in range(start, end)
                )
                more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < count else ""
                body = (
                    f'<?xml version="1.0"?><ListBucketResult><IsTruncated>{str(end < count).lower()}</IsTruncated>'
                    f"<Name>b</Name><KeyCount>{end - start}</KeyCount>{more}{rows}</ListBucketResult>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Listing:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
