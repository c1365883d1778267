"""The errors of object stores in mrimage's words: what failed, where, and what to do.

The server's own text is left out except for its code: it may quote the request, signature
included.
"""

from __future__ import annotations

import re

from obstore import exceptions

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.storage.redact import redact

ADVICE = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
    "(or AWS_SKIP_SIGNATURE=true for a public bucket)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or GOOGLE_SKIP_SIGNATURE=true for a public bucket)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_SKIP_SIGNATURE=true)",
}
"""Where each provider's credentials come from."""

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")

_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|metadata\.google\.internal")
"""Where a client without credentials requests those of its machine in a cloud."""

_PASSING_CODES = (
    "ConditionalRequestConflict",
    "OperationAborted",
    "RequestTimeout",
    "InvalidBlockList",
)
"""Codes of transient failures whose status looks final: another writer was active, or the body
arrived too slowly."""

_MISSING_BUCKET_CODES = ("NoSuchBucket", "ContainerNotFound")
_WRONG_ENDPOINT_STATUSES = (301, 307, 308, 400, 409, 411, 501)

_TIMED_OUT = "the server did not answer in time. Check the endpoint and the network"
_CONNECTION_REASONS = (
    ("dns error", "the host's name cannot be resolved. Check the endpoint"),
    ("Connection refused", "the connection was refused. Check the server and the endpoint"),
    ("imed out", _TIMED_OUT),
    ("TimedOut", _TIMED_OUT),
    ("certificate", "the server's certificate is not trusted"),
    ("body error", "the response was cut off"),
)
"""Parts of the client's texts for a failure without a response, and what they mean."""


def translate(
    error: Exception, action: str, uri: str, where: str, provider: str, bucket: str
) -> Exception:
    """The StoreError or ImageError for an obstore error.

    ``action`` ("read", "write", "list" or "delete") failed on ``uri``; ``where`` is the uri with
    the endpoint. ``provider`` is ``s3``, ``gs`` or ``az``.
    """
    text = str(error)
    status = status_of(text)
    code = _code_of(text)
    message = f"Cannot {action} {where}"
    if isinstance(error, exceptions.PreconditionError) or status == 412:
        return ImageError("changed", f"{uri} is not the object that was listed.")
    if code in _MISSING_BUCKET_CODES:
        return StoreError(f"{message}: {_describe_missing_bucket(provider, bucket)}")
    if _NO_CREDENTIALS.search(text):
        return StoreError(
            f"{message}: there are no credentials. Set {ADVICE[provider]}.", transient=True
        )
    if _is_denied(error, status):
        shown_code = f" ({code})" if code else ""
        return DeniedError(f"{message}: access denied{shown_code}. Check {ADVICE[provider]}.")
    # An object store lists a missing prefix as an empty one.
    if action == "list" and status == 404:
        return StoreError(
            f"{message}: the server answered 404, so it may not be an object store. "
            "Check the endpoint."
        )
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFoundError(f"{message}: there is nothing of this name.")
    return _translate_failure(error, text, status, code, message)


def _translate_failure(
    error: Exception, text: str, status: int, code: str, message: str
) -> StoreError:
    """The StoreError for a failure that is not about the bucket, the name or credentials."""
    if code in _PASSING_CODES:
        return StoreError(f"{message}: the server answered {status} {code}.", transient=True)
    if status in _WRONG_ENDPOINT_STATUSES or isinstance(error, exceptions.NotSupportedError):
        return StoreError(
            f"{message}: the server answered {status} {code}. Check the endpoint and the region."
        )
    if "parse path" in text or "parsing Path" in text:
        return StoreError(
            f"{message}: the name has a part or a character that object stores do not accept."
        )
    if status:
        is_transient = status >= 500 or status in (408, 429)
        answer = f"{status} {code}".rstrip()
        return StoreError(f"{message}: the server answered {answer}.", transient=is_transient)
    return StoreError(f"{message}: {_connection_reason(text)}.", transient=True)


def has_passing_code(text: str) -> bool:
    """Whether an error's text names a code of _PASSING_CODES: another try may succeed."""
    return any(code in text for code in _PASSING_CODES)


def status_of(text: str) -> int:
    """The HTTP status in an error's text, or 0."""
    match = _STATUS.search(text)
    return int(match[1]) if match else 0


def _code_of(text: str) -> str:
    match = _CODE.search(text)
    return match[1] if match else ""


def _is_denied(error: Exception, status: int) -> bool:
    denied = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
    return isinstance(error, denied) or status in (401, 403)


def _describe_missing_bucket(provider: str, bucket: str) -> str:
    if provider == "az":
        return f"there is no container {bucket}. Check its name, the account and the endpoint."
    if provider == "s3":
        return f"there is no bucket {bucket}. Check its name, the endpoint and the region."
    return f"there is no bucket {bucket}. Check its name and the endpoint."


def _connection_reason(text: str) -> str:
    """The reason for a failure without a response, without a period."""
    for part, reason in _CONNECTION_REASONS:
        if part in text:
            return reason
    first_line = text.splitlines()[0][:200] if text else "no reason given"
    return f"the connection failed ({redact(first_line)})"
