import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.serve import make_server
from storage.lake import Lake


@pytest.fixture
def port(empty_lake: Lake) -> Iterator[int]:
    with make_server(empty_lake, title="a lake", port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_page_and_nothing_else_is_served(port: int) -> None:
    status, page = ask(port, "/?x=1")
    assert status == 200
    assert "<h1>a lake</h1>" in page
    assert ask(port, "/ledger.sqlite")[0] == 404
    assert ask(port, "/../lake")[0] == 404


def test_a_foreign_name_for_this_machine_is_refused(port: int) -> None:
    assert ask(port, "/", host="evil.example")[0] == 403


def test_a_damaged_lake_is_named_and_the_server_goes_on(port: int, empty_lake: Lake) -> None:
    ledger = Path(empty_lake.root, "ledger.sqlite")
    ledger.write_bytes(b"hello" * 1000)
    status, said = ask(port, "/")
    assert status == 500
    assert "ledger.sqlite is no ledger" in said
    ledger.unlink()
    assert ask(port, "/")[0] == 200
