"""One budget a host, kept in the ledger."""

import http.client
import http.server
import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError

from harvest.config import DownloadConfig, HarvestConfig
from harvest.errors import NetworkFailed, RateLimited
from harvest.fetch.download import Site
from harvest.fetch.pace import Pace, PaceConfig, time_limit
from harvest.fetch.policy import Policy
from harvest.fetch.site_errors import from_site
from harvest.run import harvest
from harvest.sources.expand import Source
from storage.errors import HostClosed
from storage.lake import Lake
from storage.ledger.ledger import Ledger

WEB = Source("a", "https://example.org/a", True)


def test_an_item_takes_no_slot_and_a_request_does(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    pace = Pace(ledger, PaceConfig(interval_s=5.0))
    assert [pace.wait_s(WEB) for _ in range(3)] == [0, 0, 0]
    with pace.request("a", WEB.address):
        pass
    assert 4 < Pace.of(ledger.url, PaceConfig(interval_s=5.0)).wait_s(WEB) <= 5
    assert ledger.hosts.budget("example.org").spent == 4


def test_files_and_own_hosts_are_free(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    file = Source("f", "/x/clip.mp4", False)
    assert [Pace(ledger, PaceConfig()).wait_s(file) for _ in range(3)] == [0, 0, 0]
    own = [Source(host, f"http://{host}/x", True) for host in ("127.0.0.9", "192.168.1.2", "localhost")]
    assert [Pace(ledger, PaceConfig()).wait_s(source) for source in own * 2] == [0] * 6
    paced = Pace(ledger, PaceConfig(interval_s=9, own_hosts=True))
    assert [ledger.hosts.budget("127.0.0.9").spent, paced.wait_s(own[0])] == [0, 0]
    assert ledger.hosts.budget("127.0.0.9").spent == 1


def test_spent_day(tmp_path: Path) -> None:
    pace = Pace(Ledger.open(tmp_path), PaceConfig(interval_s=0, per_day=2))
    assert [pace.wait_s(WEB) for _ in range(2)] == [0, 0]
    with pytest.raises(HostClosed):
        pace.wait_s(WEB)


def test_retry_after_closes_the_host_for_all(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    pace = Pace(ledger, PaceConfig())
    pace.note(WEB, NetworkFailed("a", "reset"))
    assert ledger.hosts.budget("example.org").banned_until < time.time()
    pace.note(WEB, RateLimited("a", "429", retry_after_s=100))
    assert ledger.hosts.budget("example.org").banned_until > time.time() + 90
    with pytest.raises(RateLimited) as closed, pace.request("a", WEB.address):
        raise AssertionError("a request went out")
    assert 90 < (closed.value.retry_after_s or 0) <= 100
    search = Source("s", "search://parkour", False, max_entries=3)
    pace.note(search, RateLimited("s", "429", retry_after_s=100))
    assert ledger.hosts.budget("local").banned_until == 0, "files on the disk have nothing to do with it"


def test_the_host_that_said_so_is_closed_not_the_one_that_led_there(
    tmp_path: Path, served: Callable[..., str], bad_site: Any
) -> None:
    there = served(bad_site, "127.0.3.2")
    bad_site.elsewhere = f"{there}/patience/100/x.mp4"
    source = Source("a", f"{served(bad_site, '127.0.3.1')}/inside/a.mp4", True)
    ledger = Ledger.open(tmp_path)
    pace = Pace(ledger, PaceConfig(interval_s=0.01, patience_s=0.5, own_hosts=True))
    for _ in range(2):  # the second time it is the ledger that knows
        with Site({"quiet": True}, "a", pace) as site, pytest.raises((HTTPError, RateLimited)) as limited:
            site.urlopen(source.address)
        pace.note(source, from_site("a", limited.value))
        assert ledger.hosts.budget("127.0.3.1").banned_until < time.time()
        assert ledger.hosts.budget("127.0.3.2").banned_until > time.time() + 90
    assert [path for _, _, path, _ in bad_site.asked] == ["/inside/a.mp4", "/patience/100/x.mp4", "/inside/a.mp4"]


def test_redirects_wait_too_and_the_wait_is_not_the_hosts_time(tmp_path: Path, served: Callable[..., str]) -> None:
    asked: list[float] = []

    class Hops(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            if self.path == "/3":
                self.send_response(200)
            else:
                self.send_response(302)
                self.send_header("Location", f"/{int(self.path[1:]) + 1}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    pace = Pace(Ledger.open(tmp_path), PaceConfig(interval_s=0.6, own_hosts=True))
    plain = http.client.HTTPConnection.putrequest
    base = served(Hops)
    with Site({"quiet": True}, "item", pace) as site, time_limit(1.5):
        site.urlopen(f"{base}/1").read()
        site.urlopen(Request(f"{base}/3")).read()
    assert len(asked) == 4
    assert min(b - a for a, b in pairwise(asked)) > 0.55
    assert http.client.HTTPConnection.putrequest is plain


def test_two_workers_and_the_lists_share_the_slots_of_a_host(
    films: Path, config: HarvestConfig, served: Callable[..., str], bad_site: Any
) -> None:
    """Whoever asks, and for what: no two requests are closer than the interval."""
    base = served(bad_site, "127.0.2.6")
    own = PaceConfig(interval_s=0.7, own_hosts=True)
    policy = Policy(licence="open", allow_private=True)
    shared = replace(config, workers=2, pace=own, policy=policy, download=DownloadConfig(retries=0))
    (films / "list.json").write_text(json.dumps([{"url": f"{base}/feed/0.rss", "count": 2}]))
    urls = [f"{base}/gone/{i}.mp4" for i in range(2)]
    report = harvest([*urls, films / "list.json"], Lake(films / "lake"), shared)
    times = sorted([at for at, _, _, _ in bad_site.asked] + bad_site.heads)
    assert report.books.failed == 3
    assert {path for _, _, path, _ in bad_site.asked} >= {"/gone/0.mp4", "/gone/1.mp4", "/robots.txt", "/feed/0.rss"}
    assert min(b - a for a, b in pairwise(times)) > 0.6
