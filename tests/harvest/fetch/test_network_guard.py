"""Which addresses a downloading process may speak to."""

import http.server
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harvest.fetch.network_guard import AddressBlocked, ProgramBlocked, address_verdict, guarded


@pytest.mark.parametrize(
    ("address", "public_only", "with_private"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("2002:a9fe:a9fe::", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("64:ff9b::7f00:1", False, True),  # NAT64 of 127.0.0.1, of 10.0.0.1, of a metadata service, of a public host
        ("64:ff9b::a00:1", False, True),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("64:ff9b::5db8:d822", True, True),
        ("64:ff9b:1::a00:1", False, True),
        ("::127.0.0.1", False, True),  # IPv4-compatible
        ("::169.254.169.254", False, False),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", False, True),  # Teredo of 127.0.0.1
        ("fec0::1", False, True),  # site-local
        ("192.0.0.192", False, False),  # metadata of Oracle, of Azure, of Alibaba, of AWS by IPv6
        ("168.63.129.16", False, False),
        ("100.100.100.200", False, False),
        ("fd00:ec2::254", False, False),
        ("::ffff:168.63.129.16", False, False),
        ("192.0.0.9", False, False),
    ],
)
def test_table_of_addresses(address: str, public_only: bool, with_private: bool) -> None:
    assert (address_verdict(address, private_allowed=False) is None) == public_only
    assert (address_verdict(address, private_allowed=True) is None) == with_private


class _Hello(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


def test_only_named_hosts_pass(served: Callable[..., str]) -> None:
    port = int(served(_Hello).rsplit(":", 1)[1])
    with guarded(frozenset({("localhost", port)})):
        socket.create_connection(("localhost", port)).close()
        with pytest.raises(AddressBlocked):
            socket.create_connection(("127.0.0.1", port))
        for trick in ("0x7f000001", "2130706433", "127.1"):
            with pytest.raises(AddressBlocked):
                socket.create_connection((trick, port))
    socket.create_connection(("127.0.0.1", port)).close()


def test_an_allowed_host_is_allowed_on_its_port_only(served: Callable[..., str]) -> None:
    port, other = (int(served(_Hello).rsplit(":", 1)[1]) for _ in range(2))
    with guarded(frozenset({("127.0.0.1", port)})) as guard:
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(AddressBlocked):
            socket.create_connection(("127.0.0.1", other))
    assert guard.refused == ["address refused: 127.0.0.1: 127.0.0.1 is a private or loopback address"]


def test_a_public_host_is_reached_where_web_servers_are() -> None:
    with guarded(frozenset()):
        for port in (22, 25, 6379 - 6000):
            with pytest.raises(AddressBlocked, match=f"port {port} is no web server's"):
                socket.getaddrinfo("93.184.216.34", port)
        for port in (80, 443, 8080):
            assert socket.getaddrinfo("93.184.216.34", port)


def test_programs_are_not_started(tmp_path: Path) -> None:
    for name in ("rtmpdump", "ffmpeg", "node"):
        (tmp_path / name).write_text("#!/bin/sh\necho ran\n")
        (tmp_path / name).chmod(0o755)
    with guarded(frozenset()) as guard:
        for start in (subprocess.check_output, os.system, lambda words: os.posix_spawn(words[0], words, {})):
            with pytest.raises(ProgramBlocked):
                start([str(tmp_path / "rtmpdump")] if start is not os.system else str(tmp_path / "rtmpdump"))
        with pytest.raises(ProgramBlocked):
            subprocess.run([tmp_path / "ffmpeg"], check=True)
        assert subprocess.check_output([str(tmp_path / "node")]) == b"ran\n"
    assert guard.refused[0] == "program refused: rtmpdump may not be started"
    assert subprocess.check_output([str(tmp_path / "rtmpdump")]) == b"ran\n"


def test_connect_without_a_lookup_is_checked_too() -> None:
    with guarded(frozenset()), socket.socket() as bare, pytest.raises(AddressBlocked):
        bare.connect(("127.0.0.1", 9))
    with guarded(frozenset()), socket.socket(socket.AF_UNIX) as local, pytest.raises(AddressBlocked):
        local.connect("/run/x")
