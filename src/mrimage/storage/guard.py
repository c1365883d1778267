"""Which addresses a list of urls may lead to: by default only public ones.

A list of urls is somebody else's text. Without a guard it could make this machine fetch from its own network: the
metadata service of a cloud, a router, a service on loopback (server-side request forgery). The check is made on the
very address that is connected to, so that neither a redirect nor a name that changes its address gets around it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable

import httpcore

from mrimage.errors import DeniedError


def allows_private() -> bool:
    """Whether private addresses may be fetched from: MRIMAGE_ALLOW_PRIVATE, set by ``--allow-private``."""
    return os.environ.get("MRIMAGE_ALLOW_PRIVATE", "").lower() in ("1", "true", "yes")


def is_public(address: str) -> bool:
    """Whether the IP ``address`` is one of the public internet.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class GuardedNetwork(httpcore.NetworkBackend):
    """A network on which names are resolved first, and only addresses that passed the guard are connected to."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not allows_private():
            refused = [address for address in addresses if not is_public(address)]
            if refused:
                raise DeniedError(
                    f"Cannot read from {host}: {refused[0]} is a private address. "
                    "If the list of urls can be trusted, use --allow-private."
                )
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem
