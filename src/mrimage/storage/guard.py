"""Which addresses the urls of a list may lead to: by default, public ones only.

A list of urls is somebody else's text. Without this guard it could make this machine send
requests to its own network: a cloud's metadata service, a router, a service on loopback
(server-side request forgery). The check applies to the very address that is connected to, so
neither a redirect nor a name that changes its address gets around it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import httpcore

from mrimage.errors import DeniedError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address (RFC 6052)."""


def is_public(address: str) -> bool:
    """Whether the IP ``address`` belongs to the public internet.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    without_zone = address.partition("%")[0]
    ip = ipaddress.ip_address(without_zone)
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = _embedded_ipv4(ip)
        if embedded is not None:
            return is_public(str(embedded))
    return ip.is_global and not ip.is_multicast


def _embedded_ipv4(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translated or tunneled IPv6 address reaches."""
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    if ip.teredo:
        _server, client = ip.teredo
        return client
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


class GuardedNetwork(httpcore.NetworkBackend):
    """A network that resolves names first and connects to allowed addresses only.

    ``private`` allows private addresses too.
    """

    def __init__(self, private: bool) -> None:
        self._private = private
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port)
        if not self._private:
            _require_public(host, addresses)
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem


def _resolve(host: str, port: int) -> list[str]:
    """The IP addresses of ``host``, each once, in the resolver's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
    addresses = [str(socket_address[0]) for *_, socket_address in found]
    return list(dict.fromkeys(addresses))


def _require_public(host: str, addresses: list[str]) -> None:
    for address in addresses:
        if not is_public(address):
            raise DeniedError(
                f"Cannot read from {host}: {address} is a private address. "
                "If you trust the list of urls, use --allow-private."
            )
