"""Keeps a downloading process away from private addresses, whatever a page redirects to.

Every name lookup and every connect of this process passes through two checks, so a redirect, a playlist entry
or a second DNS answer is held to the same rule as the first URL. Only public addresses pass; loopback and
private ones pass for host names that the user wrote into a source and allowed; link-local, multicast and
reserved ones never do (the cloud's metadata service lives there). Proxies and libraries with sockets of their
own are switched off in `download`. A firewall is still the better fence: docs say so.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressBlocked(OSError):  # noqa: N818
    """A lookup or connect was refused. OSError, because that is what network libraries expect from a socket."""


def address_verdict(address: str, *, private_allowed: bool) -> str | None:
    """Why this IP address may not be spoken to, or None if it may."""
    ip: _Address = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = ip.ipv4_mapped or ip.sixtofour if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    if ip.is_link_local:
        return f"{address} is link-local"
    if ip.is_multicast or ip.is_unspecified:
        return f"{address} is no host"
    if ip.is_global or (private_allowed and (ip.is_private or ip.is_loopback)):
        return None
    return f"{address} is a private or loopback address"


@contextmanager
def guarded(private_hosts: frozenset[str]) -> Iterator[None]:
    """Inside, this process reaches public addresses, and private ones only of `private_hosts` (lower case).

    Process-wide, since yt-dlp may use threads: run it in a process that does nothing else.
    """
    lookup, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex
    passed: set[str] = set()

    def checked_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        answers = lookup(host, *args, **kwargs)
        allowed = _text(host) in private_hosts
        for answer in answers:
            _refuse(str(answer[4][0]), private_allowed=allowed, host=_text(host))
            passed.add(str(answer[4][0]))
        return answers

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check_connect(self, address, passed)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check_connect(self, address, passed)
        return connect_ex(self, address)

    socket.getaddrinfo = checked_lookup
    socket.socket.connect = checked_connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = checked_connect_ex  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        socket.getaddrinfo = lookup
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]


def _text(host: Any) -> str:
    name = host.decode() if isinstance(host, bytes) else str(host)
    return name.lower().rstrip(".").strip("[]")


def _refuse(address: str, *, private_allowed: bool, host: str) -> None:
    verdict = address_verdict(address, private_allowed=private_allowed)
    if verdict:
        raise AddressBlocked(f"address refused: {host}: {verdict}")


def _check_connect(sock: socket.socket, address: Any, passed: set[str]) -> None:
    """A connect to an address that no checked lookup gave must be public itself."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        raise AddressBlocked("address refused: not an internet socket")
    if str(address[0]) not in passed:
        _refuse(str(address[0]), private_allowed=False, host=str(address[0]))
