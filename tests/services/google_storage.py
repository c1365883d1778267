"""A stand-in for Google Cloud Storage: the requests of its XML API that an object store needs, as its reference
describes them (cloud.google.com/storage/docs/xml-api), in memory."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import threading
import uuid
from base64 import urlsafe_b64decode
from bisect import bisect_right
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.services.loopback import Handler, Loopback

PAGE = 1000
EMAIL = "tests@mrimage.iam.gserviceaccount.com"


def missing_tool() -> str | None:
    """What keeps an account from being made here, or None."""
    return None if shutil.which("openssl") else "openssl is not installed"


class Account:
    """A service account with a key of its own: ``file`` is what GOOGLE_APPLICATION_CREDENTIALS names."""

    def __init__(self, folder: Path) -> None:
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True
        )
        command = ["openssl", "rsa", "-in", str(key), "-noout", "-modulus"]
        modulus = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self._modulus = int(modulus.strip().rpartition("=")[2], 16)
        self.file = folder / "account.json"
        account = {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key_id": "1",
            "private_key": key.read_text(),
        }
        self.file.write_text(json.dumps(account))

    def signed(self, token: str) -> bool:
        """Whether ``token`` is a JSON Web Token with our RS256 signature (RFC 7518, RFC 8017)."""
        text, _, signature = token.rpartition(".")
        number = int.from_bytes(urlsafe_b64decode(f"{signature}=="))
        padded = pow(number, 65537, self._modulus).to_bytes(256)
        return padded.startswith(b"\0\1\xff") and padded.endswith(
            hashlib.sha256(text.encode()).digest()
        )


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    generation: int

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class _Upload:
    bucket: str
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class Refusal(Exception):
    """An answer that is an error: its status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Google(Loopback):
    """``page`` is how many keys a listing answers at once. ``buckets`` maps bucket and key to an
    object: "photos" is ``account``'s, "public" anybody may read, and "private" is somebody else's."""

    def __init__(self, account: Account, page: int = PAGE) -> None:
        self.account, self.page = account, page
        self.buckets: dict[str, dict[str, _Object]] = {"photos": {}, "public": {}, "private": {}}
        self.uploads: dict[str, _Upload] = {}
        self._generation = 1_700_000_000_000_000
        self.lock = threading.Lock()
        super().__init__(_handler(self))

    def bucket(self, name: str) -> dict[str, _Object]:
        if name not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        if name == "private":
            raise Refusal(403, "AccessDenied")
        return self.buckets[name]

    def find(self, bucket: str, key: str) -> _Object:
        found = self.bucket(bucket).get(key)
        if found is None:
            raise Refusal(404, "NoSuchKey")
        return found

    def put(self, bucket: str, key: str, data: bytes, expected: str | None) -> _Object:
        """Keep an object, where its generation is still the ``expected`` one; 0 is for none."""
        with self.lock:
            objects = self.bucket(bucket)
            now = objects[key].generation if key in objects else 0
            if expected is not None and int(expected) != now:
                raise Refusal(412, "PreconditionFailed")
            self._generation += 1
            objects[key] = _Object(data, self._generation)
            return objects[key]

    def listing(self, bucket: str, query: dict[str, str]) -> str:
        """A page of keys: ``list-type=2`` with ``prefix``, ``start-after`` and ``continuation-token``."""
        prefix = query.get("prefix", "")
        keys = sorted(
            (key for key in list(self.bucket(bucket)) if key.startswith(prefix)), key=str.encode
        )
        after = query.get("continuation-token") or query.get("start-after", "")
        begin = bisect_right(keys, after.encode(), key=str.encode)
        page = keys[begin : begin + min(self.page, int(query.get("max-keys", self.page)))]
        more = begin + len(page) < len(keys)
        rows = "".join(self._row(key, self.buckets[bucket][key]) for key in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        head = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
        return f"<ListBucketResult>{head}<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"

    def _row(self, key: str, found: _Object) -> str:
        return (
            f"<Contents><Key>{escape(key)}</Key><Generation>{found.generation}</Generation>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{escape(found.etag)}</ETag>"
            f"<Size>{len(found.data)}</Size></Contents>"
        )


def _handler(server: Google) -> type[Handler]:
    class Api(Handler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            bucket, _, key = unquote(parts.path.lstrip("/")).partition("/")
            query = {
                name: values[0]
                for name, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                kind, _, token = self.headers.get("Authorization", "").partition(" ")
                anonymous = not kind and bucket == "public" and self.command in ("GET", "HEAD")
                if not anonymous and not (kind == "Bearer" and server.account.signed(token)):
                    raise Refusal(401, "InvalidAuthentication")
                getattr(self, f"_{self.command.lower()}")(bucket, key, query, body)
            except Refusal as error:
                self._send(
                    error.status,
                    f"<?xml version='1.0'?><Error><Code>{error.code}</Code></Error>".encode(),
                )

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

        def _send(
            self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _get(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
            if not key:
                self._send(200, server.listing(bucket, query).encode())
                return
            found = server.find(bucket, key)
            if self.headers.get("If-Match", found.etag) != found.etag:
                raise Refusal(412, "PreconditionFailed")
            fields = _headers(found) | {"Last-Modified": formatdate(1767225600, usegmt=True)}
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if not asked:
                self._send(200, found.data, fields)
                return
            size = len(found.data)
            first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
            if first >= size:
                raise Refusal(416, "InvalidRange")
            fields["Content-Range"] = f"bytes {first}-{last}/{size}"
            self._send(206, found.data[first : last + 1], fields)

        _head = _get

        def _put(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
            if "uploadId" in query:
                server.uploads[query["uploadId"]].parts[int(query["partNumber"])] = body
                self._send(200, headers=_headers(_Object(body, 0)))
                return
            self._send(
                200,
                headers=_headers(
                    server.put(bucket, key, body, self.headers.get("x-goog-if-generation-match"))
                ),
            )

        def _post(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
            if "uploads" in query:
                server.bucket(bucket)
                name = uuid.uuid4().hex
                server.uploads[name] = _Upload(bucket, key)
                text = f"<UploadId>{name}</UploadId>"
                self._send(
                    200,
                    f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>".encode(),
                )
                return
            upload = server.uploads.pop(query["uploadId"])
            numbers = [
                int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)
            ]
            data = b"".join(upload.parts[number] for number in numbers)
            found = server.put(bucket, key, data, self.headers.get("x-goog-if-generation-match"))
            text = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><ETag>{escape(found.etag)}</ETag>"
            answer = f"<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>"
            self._send(200, answer.encode(), _headers(found))

        def _delete(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
            if "uploadId" in query:
                server.uploads.pop(query["uploadId"], None)
            else:
                with server.lock:
                    server.find(bucket, key)
                    del server.buckets[bucket][key]
            self._send(204)

    return Api


def _headers(found: _Object) -> dict[str, str]:
    return {"ETag": found.etag, "x-goog-generation": str(found.generation)}
