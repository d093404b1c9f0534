"""Keeps a downloading process away from private addresses and from other programs, whatever a page asks for.

Every name lookup and every connect of this process passes through two checks, so a redirect, a playlist entry or a
second DNS answer is held to the same rule as the first URL. Only public addresses pass, on ports where web servers
are; loopback and private ones pass for a host and port that the user wrote into a source and allowed; link-local,
multicast and reserved ones never do, nor do the metadata services of clouds. An IPv6 address that stands for an IPv4
address (mapped, compatible, 6to4, Teredo, NAT64) is judged by that. Programs have sockets of their own: none may be
started but the JavaScript runtimes that yt-dlp runs without network. Proxies are switched off in `download`. A
firewall is still the better fence: docs/harvest.md says so.
"""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, int]
"""Host name in lower case, and port."""

PROGRAMS = frozenset({"deno", "node", "bun", "qjs", "quickjs"})
"""What may be started while a guard holds (harvest/fetch/script_runtime.py)."""

_METADATA = frozenset(map(ipaddress.ip_address, (
    "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "192.0.0.192", "168.63.129.16", "100.100.100.200",
)))  # fmt: skip
"""Addresses at which clouds tell a machine its secrets: AWS (and most others), ECS, AWS by IPv6, Oracle, Azure,
Alibaba."""
_RESERVED = ipaddress.ip_network("192.0.0.0/24")
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.ip_network("::/96")
_WEB_PORTS = frozenset({80, 443})
_FREE_PORTS = 1024
"""Ports from this one on belong to no service of the system."""


class AddressBlocked(OSError):  # noqa: N818
    """A lookup or connect was refused. OSError, because that is what network libraries expect from a socket."""


class ProgramBlocked(PermissionError):  # noqa: N818
    """A program was not started."""


def address_verdict(address: str, *, private_allowed: bool) -> str | None:
    """Why this IP address may not be spoken to, or None if it may."""
    outer: _Address = ipaddress.ip_address(address.split("%", 1)[0])
    ip = _meant(outer)
    if ip in _METADATA or outer in _METADATA:
        return f"{address} is a cloud's metadata service"
    if ip.is_link_local:
        return f"{address} is link-local"
    if ip.is_multicast or ip.is_unspecified or (ip.version == 4 and ip in _RESERVED):
        return f"{address} is no host"
    private = ip.is_private or ip.is_loopback or (isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local)
    if (private_allowed and private) or (ip.is_global and not private):
        return None
    return f"{address} is a private or loopback address"


def _meant(ip: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    teredo = ip.teredo[1] if ip.teredo else None
    embedded = ip.ipv4_mapped or ip.sixtofour or teredo
    if embedded is None and (any(ip in network for network in _NAT64) or (ip in _COMPATIBLE and int(ip) > 1)):
        embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return embedded or ip


@dataclass
class Guard:
    """Messages of all refusals so far, since a library may swallow the error."""

    refused: list[str] = field(default_factory=list)


@contextmanager
def guarded(origins: frozenset[Origin]) -> Iterator[Guard]:
    """Inside, this process reaches only public addresses on web ports and the private addresses of `origins`, and it
    starts only PROGRAMS.

    Process-wide, since yt-dlp may use threads: run it in a process that does nothing else.
    """
    lookup, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex
    guard, passed = Guard(), set[Origin]()

    def checked_lookup(host: Any, port: Any = None, *args: Any, **kwargs: Any) -> Any:
        answers = lookup(host, port, *args, **kwargs)
        for answer in answers:
            there = (str(answer[4][0]), int(answer[4][1]))
            _refuse(guard, there, allowed=(_text(host), there[1]) in origins, host=_text(host))
            passed.add(there)
        return answers

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check_connect(guard, self, address, passed)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check_connect(guard, self, address, passed)
        return connect_ex(self, address)

    socket.getaddrinfo = checked_lookup
    socket.socket.connect = checked_connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = checked_connect_ex  # type: ignore[method-assign,assignment]
    _programs.guards.append(guard)
    try:
        yield guard
    finally:
        _programs.guards.remove(guard)
        socket.getaddrinfo = lookup
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]


def _text(host: Any) -> str:
    name = host.decode() if isinstance(host, bytes) else str(host)
    return name.lower().rstrip(".").strip("[]")


def _refuse(guard: Guard, there: Origin, *, allowed: bool, host: str) -> None:
    verdict = address_verdict(there[0], private_allowed=allowed)
    if verdict is None and not allowed and there[1] < _FREE_PORTS and there[1] not in _WEB_PORTS and there[1] != 0:
        verdict = f"port {there[1]} is no web server's"
    if verdict:
        guard.refused.append(f"address refused: {host}: {verdict}")
        raise AddressBlocked(guard.refused[-1])


def _check_connect(guard: Guard, sock: socket.socket, address: Any, passed: set[Origin]) -> None:
    """A connect to an address that no checked lookup gave must be public itself."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        guard.refused.append("address refused: not an internet socket")
        raise AddressBlocked(guard.refused[-1])
    there = (str(address[0]), int(address[1]))
    if there not in passed:
        _refuse(guard, there, allowed=False, host=there[0])


class _Programs:
    """Python's audit hook for the start of programs. A hook cannot be removed, so it is installed once and checks which
    guards are active."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        sys.addaudithook(self._check)

    def _check(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.guards or event not in _STARTS:
            return
        program = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else str(args[0])
        name = os.path.splitext(os.path.basename(program))[0].lower()
        if event != "subprocess.Popen" or name not in PROGRAMS:
            self.guards[-1].refused.append(f"program refused: {name[:40]} may not be started")
            raise ProgramBlocked(self.guards[-1].refused[-1])


_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"})
_programs = _Programs()
