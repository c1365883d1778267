"""Object stores by way of obstore: Amazon S3 and compatible services, Google Cloud Storage, Azure
Blob Storage.

Endpoints, regions and credentials come from the environment variables that each provider's own
tools read, so that worker processes and Spark executors inherit them. ``docs/storage.md`` lists
the variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError, UsageError
from mrimage.storage import credentials
from mrimage.storage.names import require_safe, scheme
from mrimage.storage.object_errors import ADVICE, has_passing_code, status_of, translate
from mrimage.storage.parallel import in_parallel
from mrimage.storage.redact import redact
from mrimage.storage.retry import Retry
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.storage.store import Item, OnUnlisted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obstore import GetOptions, ObjectMeta, UpdateVersion
    from obstore.store import ClientConfig, RetryConfig

T = TypeVar("T")

_PROVIDERS = {"s3a": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az"}
"""The provider of each alternative scheme."""

_CLIENT: ClientConfig = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "600s"}

_FIRST_ANSWER = "12s"
"""How long a server may take for its first response: a mistyped endpoint is reported within 15
seconds."""

_UPLOAD_TIMEOUT = "900s"
"""Timeout for uploads. The client counts the time in which it sends a body as time without a
response, and a slow line takes long for a part."""

_SMALL_UPLOAD = 64 << 10
"""Bytes that even a slow line sends long before the ordinary timeout."""

_AZURE_LIMIT = 5_000 << 20
"""Longest body in bytes that Azure accepts in one request (Put Blob)."""

_CONCURRENT_PARTS = 4
"""Parts of one object that are uploaded at a time: more would share a slow line and all be late."""

_PAGE = 1000
"""Keys per page of a listing: the most that S3 returns."""

# Retry decides about retries, over all tries of a request.
_NO_RETRY: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=600)}


class ObjectStore:
    """The Store of ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``."""

    def __init__(self, url: str, settings: StoreSettings = DEFAULT) -> None:
        self._provider = _PROVIDERS.get(scheme(url), scheme(url))
        bucket, _, prefix = url.split("://", 1)[1].partition("/")
        if not bucket or "@" in bucket:
            raise UsageError(_describe_bad_url(self._provider, url))
        self._root = f"{self._provider}://{bucket}"
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self.endpoint = credentials.endpoint(self._provider, settings)
        first_options: ClientConfig = {**_CLIENT, "read_timeout": _FIRST_ANSWER}
        upload_options: ClientConfig = {
            **_CLIENT,
            "read_timeout": _UPLOAD_TIMEOUT,
            "timeout": _UPLOAD_TIMEOUT,
        }
        self._client = self._connect(settings, _CLIENT)
        self._first_client = self._connect(settings, first_options)
        self._upload_client = self._connect(settings, upload_options)
        self._retry = Retry()

    @property
    def root(self) -> str:
        return f"{self._root}/{self._prefix}" if self._prefix else self._root

    @property
    def local(self) -> None:
        return None

    def prepare(self) -> None:
        """Do nothing: buckets are never created, and a prefix need not be."""

    def sweep(self, prefix: str = "") -> int:
        """Return 0: an unfinished PUT leaves no object."""
        return 0

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        folder = prefix.strip("/") or None
        last: str | None = None
        pages = obstore.list(self._query_client, folder, chunk_size=_PAGE)

        def next_page() -> Sequence[ObjectMeta]:
            nonlocal pages
            try:
                return next(pages, [])
            except Exception:
                # A stream ends with its failure: the next try continues after the last key.
                pages = obstore.list(self._query_client, folder, offset=last, chunk_size=_PAGE)
                raise

        while page := self._try("list", prefix, next_page):
            last = page[-1]["path"]
            folders = self._folders_among([meta["path"] for meta in page if meta["size"] == 0])
            for meta in page:
                if meta["path"] not in folders:
                    yield _item(meta, meta["path"])

    def _folders_among(self, empty_objects: Sequence[str]) -> set[str]:
        """The names that represent a folder, among the listed names of empty objects.

        Consoles and Hadoop create an empty object named ``folder/``. The client drops the slash,
        and no object has the name without it.
        """
        if not empty_objects:
            return set()
        exists = in_parallel(self, self._exists, empty_objects)
        return {path for path, found in zip(empty_objects, exists, strict=True) if not found}

    def stat(self, path: str) -> Item:
        require_safe(path)
        return self._try("read", path, lambda: _item(obstore.head(self._query_client, path), path))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        require_safe(path)
        if length == 0 or (expected and 0 <= expected.size <= start):
            return b""
        options = _read_options(start, length, expected)
        try:
            return self._try("read", path, lambda: self._get(path, options, expected))
        except (NotFoundError, ImageError) as error:
            # For a missing object, Azure reports that the condition on its version failed.
            if expected and (isinstance(error, NotFoundError) or not self._exists(path)):
                raise ImageError("vanished", f"{self.uri(path)} was listed but is gone.") from error
            raise

    def _get(self, path: str, options: GetOptions, expected: Item | None) -> bytes:
        try:
            found = obstore.get(self._client, path, options=options)
            data = bytes(found.bytes())
        except exceptions.BaseError as error:
            text = str(error)
            is_past_end = status_of(text) == 416 or "Wanted range starting" in text
            if is_past_end:
                return b""
            raise
        has_other_size = expected is not None and expected.size not in (-1, found.meta["size"])
        if has_other_size and "if_match" not in options:
            raise ImageError("changed", f"{self.uri(path)} is not the object that was listed.")
        first, last = found.range
        # With a matching etag, another size can only mean that the response is cut off.
        if len(data) != last - first or has_other_size:
            raise StoreError(
                f"Cannot read {self.uri(path)}{self._at_endpoint()}: the response is incomplete.",
                transient=True,
            )
        return data

    @property
    def _query_client(self) -> S3Store | GCSStore | AzureStore:
        """The client for listings and metadata, with which a run begins."""
        return self._client if self._retry.contacted else self._first_client

    def _exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except NotFoundError:
            return False
        except DeniedError:
            return True
        return True

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        # A PUT is atomic, and durable once the server responds. Above 5 MB obstore uploads parts
        # and completes them at the end.
        require_safe(path)
        client = self._client if len(data) < _SMALL_UPLOAD else self._upload_client
        # On Azure, two multipart uploads to one name mix their parts, so send the body at once.
        use_multipart = None
        if self._provider == "az" and len(data) < _AZURE_LIMIT:
            use_multipart = False
        self._try(
            "write",
            path,
            lambda: obstore.put(
                client, path, data, use_multipart=use_multipart, max_concurrency=_CONCURRENT_PARTS
            ),
        )

    def create(self, path: str, data: bytes) -> bool:
        require_safe(path)
        tries = 0

        def put() -> bool:
            nonlocal tries
            tries += 1
            try:
                obstore.put(self._client, path, data, mode="create")
            except exceptions.AlreadyExistsError as error:
                if has_passing_code(str(error)):
                    raise
                # An earlier try may have succeeded with only its response lost.
                return tries > 1 and self.read(path) == data
            return True

        return self._try("write", path, put)

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        require_safe(path)
        tries = 0

        def swap() -> bool:
            nonlocal tries
            tries += 1
            found = obstore.get(self._client, path)
            current = bytes(found.bytes())
            if current != expected:
                # An earlier try may have succeeded with only its response lost.
                return tries > 1 and current == data
            return self._put_over(path, data, _version_of(found.meta))

        try:
            return self._try("write", path, swap)
        except NotFoundError:
            return False

    def _put_over(self, path: str, data: bytes, version: UpdateVersion) -> bool:
        """Replace exactly this version of an object; return whether it was still there."""
        try:
            obstore.put(self._client, path, data, mode=version, use_multipart=False)
        except exceptions.PreconditionError as error:
            if not has_passing_code(str(error)):
                return False
            raise StoreError(
                f"Cannot write {self.uri(path)}: another write is in progress.", transient=True
            ) from None
        return True

    def delete(self, path: str) -> None:
        require_safe(path)
        try:
            self._try("delete", path, lambda: obstore.delete(self._client, path))
        except NotFoundError:
            return

    def _try(self, action: str, path: str, call: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                return call()
            except (StoreError, ImageError):
                raise
            # obstore's errors share no base class with those of its HTTP client.
            except Exception as error:  # noqa: BLE001
                uri = self.uri(path) if path else self.root
                where = f"{uri}{self._at_endpoint()}"
                raise translate(error, action, uri, where, self._provider, self._bucket) from None

        return self._retry(attempt)

    def _connect(
        self, settings: StoreSettings, options: ClientConfig
    ) -> S3Store | GCSStore | AzureStore:
        if self.endpoint and self.endpoint.startswith("http://"):
            options = {**options, "allow_http": True}
        try:
            return self._open_client(settings, options)
        except exceptions.BaseError as error:
            reason = redact(str(error).splitlines()[0]).rstrip(".")
            raise StoreError(
                f"Cannot open {self._root}: {reason}. Check {ADVICE[self._provider]}."
            ) from None

    def _open_client(
        self, settings: StoreSettings, options: ClientConfig
    ) -> S3Store | GCSStore | AzureStore:
        prefix = self._prefix or None
        if self._provider == "s3":
            return S3Store(
                self._bucket,
                prefix=prefix,
                config=credentials.s3_config(self._bucket, settings),
                client_options=options,
                retry_config=_NO_RETRY,
            )
        if self._provider == "gs":
            return GCSStore(
                self._bucket,
                prefix=prefix,
                config=credentials.gcs_config(settings),
                client_options=options,
                retry_config=_NO_RETRY,
            )
        return AzureStore(
            self._bucket,
            prefix=prefix,
            config=credentials.azure_config(settings),
            client_options=options,
            retry_config=_NO_RETRY,
        )

    def _at_endpoint(self) -> str:
        return f" at {redact(self.endpoint)}" if self.endpoint else ""


def _describe_bad_url(provider: str, url: str) -> str:
    shown = redact(url)
    if provider == "az":
        return (
            f'A container must be named az://container/folder, but got "{shown}". '
            "Set its account in AZURE_STORAGE_ACCOUNT_NAME."
        )
    return f'An object store must be named {provider}://bucket/folder, but got "{shown}".'


def _read_options(start: int, length: int | None, expected: Item | None) -> GetOptions:
    options: GetOptions = {}
    if length is not None:
        options["range"] = (start, start + length)
    elif start:
        options["range"] = {"offset": start}
    # Only an etag begins with a quotation mark; other versions are times.
    if expected and expected.version.startswith('"'):
        options["if_match"] = expected.version
    return options


def _version_of(meta: ObjectMeta) -> UpdateVersion:
    """The etag and the generation of an object, which a conditional PUT compares."""
    version: UpdateVersion = {}
    etag = meta.get("e_tag")
    if etag:
        version["e_tag"] = etag
    generation = meta.get("version")
    if generation:
        version["version"] = generation
    return version


def _item(meta: ObjectMeta, path: str) -> Item:
    version = str(meta.get("e_tag") or meta.get("version") or meta.get("last_modified") or "")
    # Azure quotes the etag of a single object, but not those of a listing.
    if version.startswith("0x"):
        version = f'"{version}"'
    return Item(path, meta["size"], version)
