"""Object stores by obstore: Amazon S3 and everything that speaks it, Google Cloud Storage, Azure Blob Storage.

Endpoints, regions and credentials come from the environment variables that each provider's own tools read, so that
worker processes and Spark executors inherit them; ``docs/storage.md`` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError, UsageError
from mrimage.storage import credentials
from mrimage.storage.names import require_safe, scheme
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

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|metadata\.google\.internal")
"""Where clients ask for the credentials of a machine in a cloud when they have been given none."""
_PASSING = ("ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "InvalidBlockList")
"""What is said with a status that looks final: another writer was at it, or the body came too slowly."""
_MISSING_CONTAINER = ("NoSuchBucket", "ContainerNotFound")
_ADVICE = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_SKIP_SIGNATURE=true for a public bucket)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or GOOGLE_SKIP_SIGNATURE=true for a public bucket)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_SKIP_SIGNATURE=true)",
}
_CLIENT: ClientConfig = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "600s"}
_FIRST_ANSWER = "12s"
"""How long a server may keep silent that has never answered: whoever mistyped an endpoint learns it within 15 seconds."""
# The client counts the time in which a body is sent as time without an answer, and a slow line takes long for a part.
_SENDING = "900s"
_LITTLE = 64 << 10
"""Bytes that even a slow line has sent long before a server that keeps silent is given up."""
_AZURE_LIMIT = 5_000 << 20
"""Longest body that Azure takes at once."""
_PARTS = 4
"""Parts of one object that are sent at once: more would share a slow line and all be late."""

_NO_RETRY: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=600)}


class ObjectStore:
    """The Store of ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``."""

    def __init__(self, url: str, settings: StoreSettings = DEFAULT) -> None:
        self._kind = {"s3a": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az"}.get(
            scheme(url), scheme(url)
        )
        bucket, _, prefix = url.split("://", 1)[1].partition("/")
        if not bucket or "@" in bucket:
            expected = f"an object store as {self._kind}://bucket/folder"
            if self._kind == "az":
                expected = "a container as az://container/folder, its account in AZURE_STORAGE_ACCOUNT_NAME"
            raise UsageError(f'Expected {expected}, but received "{redact(url)}".')
        self._root = f"{self._kind}://{bucket}"
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self.endpoint = credentials.endpoint(self._kind, settings)
        sending: ClientConfig = {**_CLIENT, "read_timeout": _SENDING, "timeout": _SENDING}
        greeting: ClientConfig = {**_CLIENT, "read_timeout": _FIRST_ANSWER}
        self._store = self._connect(settings, _CLIENT)
        self._greeter = self._connect(settings, greeting)
        self._sender = self._connect(settings, sending)
        self._retry = Retry()

    @property
    def root(self) -> str:
        return f"{self._root}/{self._prefix}" if self._prefix else self._root

    @property
    def local(self) -> None:
        return None

    def prepare(self) -> None:
        """Buckets are never made, and a prefix needs no making."""

    def sweep(self, prefix: str = "") -> int:
        """Nothing is left: a PUT that is not finished makes no object."""
        return 0

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        folder = prefix.strip("/") or None
        last: str | None = None
        pages = obstore.list(self._asked, folder, chunk_size=1000)

        def next_page() -> Sequence[ObjectMeta]:
            nonlocal pages
            try:
                return next(pages, [])
            except Exception:
                # A stream that failed is over: the next try goes on behind the last key that was seen.
                pages = obstore.list(self._asked, folder, offset=last, chunk_size=1000)
                raise

        while page := self._try("list", prefix, next_page):
            last = page[-1]["path"]
            folders = self._folders_among([meta["path"] for meta in page if meta["size"] == 0])
            for meta in page:
                if meta["path"] not in folders:
                    yield _item(meta, meta["path"])

    def _folders_among(self, empty: Sequence[str]) -> set[str]:
        """Of the listed names of ``empty`` objects, those that stand for a folder: consoles and Hadoop put an object
        without bytes under ``folder/``. The client leaves out the slash, and there is nothing under the name without."""
        if not empty:
            return set()
        return {
            path
            for path, there in zip(empty, in_parallel(self, self._is_there, empty), strict=True)
            if not there
        }

    def stat(self, path: str) -> Item:
        require_safe(path)
        return self._try("read", path, lambda: _item(obstore.head(self._asked, path), path))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        require_safe(path)
        if length == 0 or (expected and 0 <= expected.size <= start):
            return b""
        options: GetOptions = {}
        if start or length is not None:
            options["range"] = (start, start + length) if length is not None else {"offset": start}
        if expected and expected.version.startswith('"'):
            options["if_match"] = expected.version

        def fetch() -> bytes:
            try:
                found = obstore.get(self._store, path, options=options)
                data = bytes(found.bytes())
            except exceptions.BaseError as error:
                if _status(str(error)) == 416 or "Wanted range starting" in str(
                    error
                ):  # behind the object's end
                    return b""
                raise
            size = found.meta["size"]
            if expected and expected.size not in (-1, size) and "if_match" not in options:
                raise ImageError("changed", f"{self.uri(path)} is not the object that was listed.")
            first, last = found.range
            if len(data) != last - first or (expected and expected.size not in (-1, size)):
                raise StoreError(
                    f"Cannot read {self.uri(path)}{self._place()}: the answer is short.",
                    transient=True,
                )
            return data

        try:
            return self._try("read", path, fetch)
        except (NotFoundError, ImageError) as error:
            # Azure calls what is gone changed, when it is asked for the listed version.
            if expected and (isinstance(error, NotFoundError) or not self._is_there(path)):
                raise ImageError("vanished", f"{self.uri(path)} was listed but is gone.") from error
            raise

    @property
    def _asked(self) -> S3Store | GCSStore | AzureStore:
        """The client of the questions that a run begins with."""
        return self._store if self._retry.contacted else self._greeter

    def _is_there(self, path: str) -> bool:
        try:
            self.stat(path)
        except NotFoundError:
            return False
        except DeniedError:
            return True
        return True

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        # A PUT is whole and durable once it is answered; above 5 MB obstore sends parts and completes them at the end.
        require_safe(path)
        client = self._store if len(data) < _LITTLE else self._sender
        # On Azure two uploads in parts of one name mix their parts; it takes all of it at once.
        parts = False if self._kind == "az" and len(data) < _AZURE_LIMIT else None
        self._try(
            "write",
            path,
            lambda: obstore.put(client, path, data, use_multipart=parts, max_concurrency=_PARTS),
        )

    def create(self, path: str, data: bytes) -> bool:
        require_safe(path)
        tries = 0

        def put() -> bool:
            nonlocal tries
            tries += 1
            try:
                obstore.put(self._store, path, data, mode="create")
            except exceptions.AlreadyExistsError as error:
                if any(code in str(error) for code in _PASSING):
                    raise
                # It may be there because an earlier try came through and only its answer was lost.
                return tries > 1 and self.read(path) == data
            return True

        return self._try("write", path, put)

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        require_safe(path)
        tries = 0

        def swap() -> bool:
            nonlocal tries
            tries += 1
            found = obstore.get(self._store, path)
            now = bytes(found.bytes())
            if now != expected:
                return (
                    tries > 1 and now == data
                )  # an earlier try came through and only its answer was lost
            version: UpdateVersion = {}
            if tag := found.meta.get("e_tag"):
                version["e_tag"] = tag
            if generation := found.meta.get("version"):
                version["version"] = generation
            try:
                obstore.put(self._store, path, data, mode=version, use_multipart=False)
            except exceptions.PreconditionError as error:
                if any(code in str(error) for code in _PASSING):
                    raise StoreError(
                        f"Cannot write {self.uri(path)}: another write is under way.",
                        transient=True,
                    ) from None
                return False
            return True

        try:
            return self._try("write", path, swap)
        except NotFoundError:
            return False

    def delete(self, path: str) -> None:
        require_safe(path)
        try:
            self._try("delete", path, lambda: obstore.delete(self._store, path))
        except NotFoundError:
            return

    def _try(self, action: str, path: str, call: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                return call()
            except (StoreError, ImageError):
                raise
            except Exception as error:  # noqa: BLE001 - obstore's errors share no base with those of its HTTP client
                raise self._translate(error, action, path) from None

        return self._retry(attempt)

    def _translate(self, error: Exception, action: str, path: str) -> Exception:
        """The error in our words: what, where, what to do. The server's own text is left out but for its code: it may
        quote the request, signature and all."""
        text = str(error)
        status = _status(text)
        code = match[1] if (match := _CODE.search(text)) else ""
        what = f"Cannot {action} {self.uri(path) if path else self.root}{self._place()}"
        if isinstance(error, exceptions.PreconditionError) or status == 412:
            return ImageError("changed", f"{self.uri(path)} is not the object that was listed.")
        if code in _MISSING_CONTAINER:
            where = (
                "container {}. Check its name and the account"
                if self._kind == "az"
                else "bucket {}. Check its name"
            )
            region = ", the endpoint and the region" if self._kind == "s3" else " and the endpoint"
            return StoreError(f"{what}: there is no {where.format(self._bucket)}{region}.")
        if _NO_CREDENTIALS.search(text):
            return StoreError(
                f"{what}: there are no credentials. Set {_ADVICE[self._kind]}.", transient=True
            )
        if isinstance(
            error, (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        ) or status in (
            401,
            403,
        ):
            said = f" ({code})" if code else ""
            return DeniedError(f"{what}: access denied{said}. Check {_ADVICE[self._kind]}.")
        if action == "list" and status == 404:
            return StoreError(
                f"{what}: the server answered 404, as no object store does. Check the endpoint."
            )
        if isinstance(error, FileNotFoundError) or status == 404:
            return NotFoundError(f"{what}: there is nothing of this name.")
        if code in _PASSING:
            return StoreError(f"{what}: the server answered {status} {code}.", transient=True)
        if status in (301, 307, 308, 400, 409, 411, 501) or isinstance(
            error, exceptions.NotSupportedError
        ):
            return StoreError(
                f"{what}: the server answered {status} {code}. Check the endpoint and the region."
            )
        if "parse path" in text or "parsing Path" in text:
            return StoreError(
                f"{what}: the name has a part or a character that object stores cannot be asked for."
            )
        if status:
            transient = status >= 500 or status in (408, 429)
            return StoreError(
                f"{what}: the server answered {status} {code}".rstrip() + ".", transient=transient
            )
        return StoreError(f"{what}: {_reason(text)}", transient=True)

    def _connect(
        self, settings: StoreSettings, client: ClientConfig
    ) -> S3Store | GCSStore | AzureStore:
        if self.endpoint and self.endpoint.startswith("http://"):
            client = {**client, "allow_http": True}
        below = self._prefix or None
        bucket = self._bucket
        try:
            if self._kind == "s3":
                config = credentials.s3_config(bucket, settings)
                return S3Store(
                    bucket,
                    prefix=below,
                    config=config,
                    client_options=client,
                    retry_config=_NO_RETRY,
                )
            if self._kind == "gs":
                google = credentials.gcs_config(settings)
                return GCSStore(
                    bucket,
                    prefix=below,
                    config=google,
                    client_options=client,
                    retry_config=_NO_RETRY,
                )
            azure = credentials.azure_config(settings)
            return AzureStore(
                bucket, prefix=below, config=azure, client_options=client, retry_config=_NO_RETRY
            )
        except exceptions.BaseError as error:
            first = redact(str(error).splitlines()[0]).rstrip(".")
            raise StoreError(
                f"Cannot open {self._root}: {first}. Check {_ADVICE[self._kind]}."
            ) from None

    def _place(self) -> str:
        return f" at {redact(self.endpoint)}" if self.endpoint else ""


def _status(text: str) -> int:
    return int(match[1]) if (match := _STATUS.search(text)) else 0


def _reason(text: str) -> str:
    """A line for a failure without an answer."""
    for sign, reason in (
        ("dns error", "the host's name cannot be resolved. Check the endpoint"),
        (
            "Connection refused",
            "the connection was refused. Check that the server runs, and the endpoint",
        ),
        ("imed out", "the server did not answer in time. Check the endpoint and the network"),
        ("TimedOut", "the server did not answer in time. Check the endpoint and the network"),
        ("certificate", "the server's certificate is not trusted"),
        ("body error", "the answer was cut off"),
    ):
        if sign in text:
            return reason + "."
    return (
        "the connection failed ("
        + redact(text.splitlines()[0][:200] if text else "no reason given")
        + ")."
    )


def _item(meta: ObjectMeta, path: str) -> Item:
    version = str(meta.get("e_tag") or meta.get("version") or meta.get("last_modified") or "")
    if version.startswith("0x"):  # Azure quotes the tag of one object, and not those of a listing
        version = f'"{version}"'
    return Item(path, meta["size"], version)
