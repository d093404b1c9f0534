"""Which addresses a downloading process may speak to."""

import http.server
import socket
from collections.abc import Callable

import pytest

from harvest.fetch.network_guard import AddressBlocked, address_verdict, guarded


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
    ],
)
def test_table_of_addresses(address: str, public_only: bool, with_private: bool) -> None:
    assert (address_verdict(address, private_allowed=False) is None) == public_only
    assert (address_verdict(address, private_allowed=True) is None) == with_private


class _Hello(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


def test_only_named_hosts_pass(served: Callable[..., str]) -> None:
    port = int(served(_Hello).rsplit(":", 1)[1])
    with guarded(frozenset({"localhost"})):
        socket.create_connection(("localhost", port)).close()
        with pytest.raises(AddressBlocked):
            socket.create_connection(("127.0.0.1", port))
        for trick in ("0x7f000001", "2130706433", "127.1"):
            with pytest.raises(AddressBlocked):
                socket.create_connection((trick, port))
    socket.create_connection(("127.0.0.1", port)).close()


def test_connect_without_a_lookup_is_checked_too() -> None:
    with guarded(frozenset()), socket.socket() as bare, pytest.raises(AddressBlocked):
        bare.connect(("127.0.0.1", 9))
    with guarded(frozenset()), socket.socket(socket.AF_UNIX) as local, pytest.raises(AddressBlocked):
        local.connect("/run/x")
