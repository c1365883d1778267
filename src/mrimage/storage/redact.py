"""Credentials stay out of everything that is printed, logged or written."""

from __future__ import annotations

import os
import re
from functools import lru_cache

HIDDEN = "***"

_USER_INFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'<>]*@")
_USER_FIRST = re.compile(r"\A(\s*[A-Za-z][A-Za-z0-9+.-]*://)[^/\n]*@")
"""Passwords may hold anything; of a text that begins with a url, all that could be one is taken for it."""

_SECRET_NAMES = (
    "x-amz-signature|x-amz-credential|x-amz-security-token|awsaccesskeyid|signature|sig|"
    "x-goog-signature|x-goog-credential|googleaccessid|x-ms-signature|"
    "access_?token|auth_?token|id_?token|token|api_?key|apikey|access_?key|secret|secret_?key|password|passwd|pwd|auth|"
    "authorization|credential|credentials|key-pair-id|policy|hdnea|hdnts|jwt|session|sessionid|"
    "x-api-key|subscription-key|hmac|key(?==AIza)"
)
_SECRET_QUERY = re.compile(rf"(?i)([?&;](?:{_SECRET_NAMES})=)[^&;#\s\"'<>]*")
_SECRET_VARIABLE = re.compile(
    r"(?i)(SECRET|SESSION_TOKEN|PASSWORD|ACCOUNT_KEY|STORAGE_KEY|SAS_|BEARER|CLIENT_SECRET)"
)
_STORE_VARIABLE = re.compile(r"(?i)^(AWS|AZURE|GOOGLE|GCS|HDFS|MRIMAGE)_")


def redact(text: str) -> str:
    """``text`` without credentials: user and password of urls, signatures and tokens in their queries, and the values
    of the environment's secret variables of the stores.

    >>> redact("https://me:pw@host/a.jpg?w=3&X-Amz-Signature=abc")
    'https://***@host/a.jpg?w=3&X-Amz-Signature=***'
    """
    if "://" in text and "@" in text:
        text = _USER_FIRST.sub(rf"\1{HIDDEN}@", text)
        text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    if "=" in text:
        text = _SECRET_QUERY.sub(rf"\1{HIDDEN}", text)
    for value in _secrets():
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def _secrets() -> tuple[str, ...]:
    named = tuple(
        (name, value) for name, value in os.environ.items() if _STORE_VARIABLE.match(name)
    )
    return _values(named)


@lru_cache(maxsize=4)
def _values(named: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    # A value shorter than this is no secret, and replacing it would garble the text.
    return tuple(
        value for name, value in named if _SECRET_VARIABLE.search(name) and len(value) >= 8
    )
