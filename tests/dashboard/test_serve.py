"""The pages over HTTP: who may ask, what is answered, what changes without reload, and what a look costs."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from dashboard.gallery import Asked, Gallery
from dashboard.serve import Watch, application, make_server
from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.runs import announced, running
from tests.dashboard.conftest import HOSTILE


@pytest.fixture
def port(full_lake: Lake) -> Iterator[int]:
    server = make_server(application(full_lake, title="a <b>lake</b>"))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=lambda: server.run(sockets=[door]))
        thread.start()
        yield door.getsockname()[1]
        server.should_exit = True
        thread.join()


def ask(port: int, path: str, **heads: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}"} | heads)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), {key.lower(): value for key, value in answer.getheaders()}


def test_three_pages_and_nothing_else_are_served(port: int) -> None:
    for path in ("/?x=1", "/lake", "/labels", "/labels?kind=rejects&reason=too_short&page=x&least=nan"):
        status, page, heads = ask(port, path)
        assert status == 200
        assert "<h1>a &lt;b&gt;lake&lt;/b&gt;</h1>" in page
        assert heads["x-frame-options"] == "DENY"
        assert "default-src 'none'" in heads.get("content-security-policy", page.replace("&#39;", "'"))
    for path in ("/ledger.sqlite", "/../lake", "/labels/motion/nobody", "/labels/why/nobody", "/docs"):
        assert ask(port, path)[0] == 404


def test_a_foreign_name_and_a_foreign_page_are_refused(port: int) -> None:
    assert ask(port, "/", Host="evil.example")[0] == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert ask(port, "/labels/motion/t0", **foreign, **{"Sec-Fetch-Mode": "no-cors"})[0] == 403
    assert ask(port, "/", **foreign, **{"Sec-Fetch-Mode": "navigate"})[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", body="x")
    assert connection.getresponse().status == 405


def test_a_labels_motion_and_reason_are_told(port: int) -> None:
    status, text, _ = ask(port, "/labels/motion/t0")
    assert (status, len(json.loads(text)["flat"])) == (200, 50)
    status, page, _ = ask(port, "/labels?source=squat")
    assert "person 3" in page
    assert "person 0" not in page
    assert HOSTILE not in page
    assert ask(port, "/labels?tag=nothing")[1].count("<article>") == 0
    assert ask(port, "/labels?least=0.95")[1].count("<article>") == 0
    rejects = ask(port, "/labels?kind=rejects")[1]
    assert rejects.count("<article>") == 2
    assert "No keypoints were kept." in rejects


def test_a_damaged_lake_is_named_and_the_server_goes_on(port: int, full_lake: Lake) -> None:
    ledger = Path(full_lake.root, "ledger.sqlite")
    ledger.write_bytes(b"hello" * 1000)
    status, page, _ = ask(port, "/lake")
    assert (status, "ledger.sqlite is no ledger" in page) == (500, True)
    ledger.unlink()
    assert ask(port, "/lake")[0] == 200


def test_what_changes_is_sent_and_what_does_not_is_not_read(full_lake: Lake) -> None:
    ledger = Ledger.open(full_lake.root)
    ledger.ask([Item(name, "films.example", url=HOSTILE) for name in ("p", "q", "r")])
    watch = Watch(full_lake, "x", "all")
    watch.look()
    first = watch.parts()
    assert "Nothing runs; 3 items wait" in first["now"]
    assert "The error fell" in first["answer"]
    moment = watch.moment
    watch._due = watch._counts_due = 0.0
    watch.look()
    assert watch.moment is moment  # nothing changed, so nothing was read
    ledger.hosts.limit("films.example", per_day=7)
    ledger.leases.beat("me")
    held = ledger.claim("me", limit=2)
    ledger.fail(held[0].item.item_id, "me", "rate_limited")
    ledger.hosts.ban("films.example", ledger.clock() + 7200)
    with announced(full_lake.layout, "run-1", study="quick") as told:
        told(10, 100, {"keypoints_2d": 5.0})
        watch._due = watch._counts_due = 0.0
        watch.look()
    parts = watch.parts()
    assert "0 of 7" in parts["hosts"]
    assert "for 2 h" in parts["hosts"]
    assert "me" in parts["workers"]
    assert "rate_limited" in parts["errors"]
    assert "<img src=x" not in parts["errors"]
    assert "step 10 of 100" in parts["trainings"]
    assert parts["studies"] == first["studies"]
    ledger.close()


def test_a_training_tells_how_far_it_is_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    monkeypatch.setattr("storage.runs.EVERY_S", 0.0)
    seen: list[int] = []
    with announced(lake.layout, "a", lambda step, *_: seen.append(step)) as told:
        assert [(one.step, one.seconds_left) for one in running(lake.layout)] == [(0, None)]
        for step in range(50, 350):
            told(step, 2000, {"loss": 1.0 / step})
        (training,) = running(lake.layout)
        assert (training.step, training.first, training.steps) == (349, 50, 2000)
        assert len(training.curves["loss"]) <= 200
        assert training.seconds_left is not None
        (tmp_path / "lake" / "running" / "strange.json").write_text('{"curves": 3}')
        assert [one.name for one in running(lake.layout)] == ["a"]
    assert running(lake.layout) == []
    assert seen == list(range(50, 350))


def test_a_large_look_is_rare(full_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(full_lake, "x", "all")

    def slow() -> None:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass

    monkeypatch.setattr(watch, "_count", slow)
    watch.look()
    assert watch._counts_due - time.monotonic() > 25  # a hundred times as long


@pytest.mark.parametrize("asked", ["", "?kind=rejects&tag=a&source=b&least=1&most=2&page=99", "?page=-4&source=%00%ff"])
def test_an_empty_lake_has_a_gallery(empty_lake: Lake, asked: str) -> None:
    cards, more = Gallery(empty_lake).cards(Asked.of(dict(parse_qsl(asked[1:]))))
    assert (cards, more) == ([], False)
