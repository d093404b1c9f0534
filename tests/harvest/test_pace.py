"""One budget a host, kept in the ledger."""

import time
from pathlib import Path

from harvest.errors import NetworkFailed, RateLimited
from harvest.pace import Pace, PaceConfig
from harvest.sources import Source
from storage.ledger import Ledger

WEB = Source("a", "https://example.org/a", True)


def test_second_item_waits_its_interval(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    pace = Pace(ledger, PaceConfig(interval_s=5.0))
    assert pace.wait_s(WEB) == 0
    assert 4 < pace.wait_s(WEB) <= 5
    assert 9 < Pace(ledger, PaceConfig(interval_s=5.0)).wait_s(WEB) <= 10


def test_files_and_own_hosts_are_free(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    file = Source("f", "/x/clip.mp4", False)
    assert [Pace(ledger, PaceConfig()).wait_s(file) for _ in range(3)] == [0, 0, 0]
    own = [Source(host, f"http://{host}/x", True) for host in ("127.0.0.9", "192.168.1.2", "localhost")]
    assert [Pace(ledger, PaceConfig()).wait_s(source) for source in own * 2] == [0] * 6
    paced = Pace(ledger, PaceConfig(interval_s=9, own_hosts=True))
    assert [paced.wait_s(own[0]) > 1 for _ in range(2)] == [False, True]


def test_spent_day(tmp_path: Path) -> None:
    pace = Pace(Ledger.open(tmp_path), PaceConfig(interval_s=0, per_day=2))
    assert [pace.wait_s(WEB) for _ in range(2)] == [0, 0]
    assert pace.wait_s(WEB) > 0


def test_retry_after_closes_the_host_for_all(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    pace = Pace(ledger, PaceConfig())
    pace.note(WEB, NetworkFailed("a", "reset"))
    assert ledger.hosts.budget("example.org").banned_until < time.time()
    pace.note(WEB, RateLimited("a", "429", retry_after_s=100))
    assert ledger.hosts.budget("example.org").banned_until > time.time() + 90
