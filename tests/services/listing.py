"""An S3 server that has any number of objects and no bytes: it answers listings, page by page, from arithmetic."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.services.loopback import Handler, Loopback

PAGE = 1000


class Listing(Loopback):
    """``count`` objects ``photos/<number>.jpg`` in every bucket; ``pages`` tells how many pages were asked for."""

    def __init__(self, count: int) -> None:
        self.pages = 0
        outer = self

        class Pages(Handler):
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
                more = (
                    f"<NextContinuationToken>{end}</NextContinuationToken>" if end < count else ""
                )
                body = (
                    f'<?xml version="1.0"?><ListBucketResult><IsTruncated>{str(end < count).lower()}</IsTruncated>'
                    f"<Name>b</Name><KeyCount>{end - start}</KeyCount>{more}{rows}</ListBucketResult>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Pages)
