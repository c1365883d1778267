"""Keeps credentials out of everything that is printed, logged or written."""

from __future__ import annotations

import os
import re
from functools import lru_cache

HIDDEN = "***"

_USER_INFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'<>]*@")
_LEADING_USER_INFO = re.compile(r"\A(\s*[A-Za-z][A-Za-z0-9+.-]*://)[^/\n]*@")
"""User and password in a text that begins with a url.

A password may contain any character, spaces and quotes included, so everything that could belong
to it is hidden.
"""

_SECRET_NAMES = (
    "x-amz-signature|x-amz-credential|x-amz-security-token|awsaccesskeyid|signature|sig|"
    "x-goog-signature|x-goog-credential|googleaccessid|x-ms-signature|"
    "access_?token|auth_?token|id_?token|token|api_?key|apikey|access_?key|secret|secret_?key|"
    "password|passwd|pwd|auth|"
    "authorization|credential|credentials|key-pair-id|policy|hdnea|hdnts|jwt|session|sessionid|"
    "x-api-key|subscription-key|hmac|key(?==AIza)"
)
"""Names of query parameters whose values are secret. ``AIza`` begins every Google API key."""

_SECRET_QUERY = re.compile(rf"(?i)([?&;](?:{_SECRET_NAMES})=)[^&;#\s\"'<>]*")
_SECRET_VARIABLE = re.compile(
    r"(?i)(SECRET|SESSION_TOKEN|PASSWORD|ACCOUNT_KEY|STORAGE_KEY|SAS_|BEARER|CLIENT_SECRET)"
)
_STORE_VARIABLE = re.compile(r"(?i)^(AWS|AZURE|GOOGLE|GCS|HDFS|MRIMAGE)_")

_SHORTEST_SECRET = 8
"""Shorter values are not secrets, and hiding them would garble the text."""


def redact(text: str) -> str:
    """``text`` without credentials.

    Hides users and passwords of urls, signatures and tokens in their queries, and the values of
    the stores' secret environment variables.

    >>> redact("https://me:pw@host/a.jpg?w=3&X-Amz-Signature=abc")
    'https://***@host/a.jpg?w=3&X-Amz-Signature=***'
    """
    if "://" in text and "@" in text:
        text = _LEADING_USER_INFO.sub(rf"\1{HIDDEN}@", text)
        text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    if "=" in text:
        text = _SECRET_QUERY.sub(rf"\1{HIDDEN}", text)
    for value in _secrets():
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def _secrets() -> tuple[str, ...]:
    variables = os.environ.items()
    of_stores = tuple((name, value) for name, value in variables if _STORE_VARIABLE.match(name))
    return _secret_values(of_stores)


@lru_cache(maxsize=4)
def _secret_values(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(
        value
        for name, value in variables
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET
    )
