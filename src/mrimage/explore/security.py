"""Who may ask the server, and what the page may do: a token, the names of this machine, a policy."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page runs its own scripts only, has no inline ones, and asks nobody but this server."""

_HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Gate:
    """Lets requests through that come from the page, and from nowhere else.

    - The host that the browser asks for must be this machine, by an address and not by a name:
      a page elsewhere could make its own name lead here (DNS rebinding).
    - A request that another page's script sends carries that page's origin.
    - The browser must have the token: once in the url, as Jupyter has it, then as a cookie that no
      script can read.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, host: str) -> None:
        self._app = app
        self._token = token
        self._port = port
        self._host = host
        # Browsers share the cookies of all ports.
        self._cookie = f"mrimage-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("This server answers only to its own address.", 421)
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(urlsplit(origin).netloc):
            return PlainTextResponse("Another page may not ask this server.", 403)
        given = QueryParams(scope["query_string"]).get("token")
        if given is not None and scope["path"] == "/":
            if not self._is_token(given):
                return PlainTextResponse("The token is wrong.", 403)
            # The token leaves the address bar, and so the history and what is copied from it.
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(self._cookie, given, httponly=True, samesite="lax")
            return welcome
        if not self._is_token(_cookies(headers).get(self._cookie, "")):
            return PlainTextResponse(
                "Open the whole url that mrimage explore printed: it has a token.", 403
            )
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        if port != str(self._port):
            return False
        if name in _LOOPBACK or name == self._host:
            return True
        return self._host not in _LOOPBACK and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _cookies(headers: Headers) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)
