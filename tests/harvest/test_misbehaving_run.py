"""A whole run over a site that behaves badly: every item in its right state, hosts that ask for patience get it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from cli.main import app
from harvest.config import DownloadConfig, HarvestConfig
from harvest.fetch.pace import PaceConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest
from harvest.sources.expand import Source, expand
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.ledger.tables import HOSTS, ITEMS
from storage.stage_cache import STAGES

QUICK = DownloadConfig(socket_timeout_s=3, retries=0, max_wall_s=20)


@pytest.fixture
def polite(config: HarvestConfig, films: Path, bad_site: Any) -> HarvestConfig:
    """Loopback hosts have budgets here; one worker; the site's good paths give a film with known truth."""
    bad_site.clip = (films / "one.mp4").read_bytes()
    policy = Policy(licence="open", allow_private=True, max_bytes=2_000_000)
    return replace(config, policy=policy, download=QUICK, pace=PaceConfig(interval_s=0.1, own_hosts=True))


def _states(lake: Lake) -> dict[str, tuple[str, str | None, int]]:
    """{path of the URL: (state, reason, tries)}"""
    ledger = Ledger.open(lake.root)
    try:
        return {
            (entry.item.url or "").split("/", 3)[-1]: (entry.state, entry.reason, entry.attempts)
            for entry in ledger.entries()
        }
    finally:
        ledger.close()


def _an_hour_later(lake: Lake) -> None:
    """Whatever the ledger waits for is over."""
    ledger = Ledger.open(lake.root)
    with ledger.engine.begin() as connection:
        connection.execute(update(HOSTS).values(banned_until=HOSTS.c.banned_until - 3600, next_at=0))
        connection.execute(update(ITEMS).values(due_at=ITEMS.c.due_at - 3600))
    ledger.close()


@pytest.mark.slow
def test_every_kind_in_one_run(films: Path, polite: HarvestConfig, served: Callable[..., str], bad_site: Any) -> None:
    class Other(bad_site):  # type: ignore[misc]
        clip = (films / "two.mp4").read_bytes()

    paths = ("limited/a.mp4", "forbidden/a.mp4", "gone/a.mp4", "reset/a.mp4", "drip/a.mp4", "endless/a.mp4",
             "longer/a.mp4", "html/a.mp4", "metadata/a.mp4", "inside/a.mp4", "titled/page.html")  # fmt: skip
    listed = [{"url": f"{served(bad_site, f'127.0.1.{10 + i}')}/{path}"} for i, path in enumerate(paths)]
    listed += [{"url": f"{served(Other, '127.0.1.2')}/good/clip.mp4"}]
    listed += [{"url": f"{served(bad_site, '127.0.1.3')}/feed/5.rss", "count": 2}]
    (films / "list.json").write_text(json.dumps(listed))
    before = {path for path in films.rglob("*") if path.is_file()}
    lake = Lake(films / "lake")
    patient = replace(polite, pace=replace(polite.pace, patience_s=0.5, tries=1))
    report = harvest([films / "list.json"], lake, patient)
    assert {path: state[:2] for path, state in _states(lake).items()} == {
        "limited/a.mp4": ("failed", "rate_limited"), "forbidden/a.mp4": ("failed", "private"),
        "gone/a.mp4": ("failed", "gone"), "reset/a.mp4": ("failed", "network_failed"),
        "drip/a.mp4": ("failed", "too_slow"), "endless/a.mp4": ("rejected", "too_large"),
        "longer/a.mp4": ("failed", "network_failed"), "html/a.mp4": ("failed", "site_unsupported"),
        "metadata/a.mp4": ("rejected", "address_refused"), "inside/a.mp4": ("rejected", "address_refused"),
        "titled/page.html": ("done", None), "good/clip.mp4": ("done", None),
        "v/0.mp4": ("rejected", "address_refused"), "v/1.mp4": ("rejected", "address_refused"),
    }  # fmt: skip
    assert (report.books.asked, report.books.balanced, report.books.done) == (14, True, 2)
    written = {path for path in films.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(films / "lake") for path in written)
    left = [path for path in Path(lake.layout.cache).rglob("*") if path.is_file() and path.parent.name != STAGES]
    assert {path.suffix for path in left} <= {".part"}


def test_short_wait_is_waited_for_in_the_same_run(
    polite: HarvestConfig, films: Path, site: Callable[..., Source]
) -> None:
    lake = Lake(films / "lake")
    report = harvest([site("patience/2/a.mp4", "127.0.2.1")], lake, polite)
    assert (report.books.done, report.reasons) == (1, {})
    assert _states(lake)["patience/2/a.mp4"] == ("done", None, 2)


def test_long_wait_leaves_the_host_alone_and_others_go_on(
    polite: HarvestConfig, films: Path, served: Callable[..., str], bad_site: Any
) -> None:
    closed, open_ = served(bad_site, "127.0.2.2"), served(bad_site, "127.0.2.3")
    impatient = replace(polite, pace=replace(polite.pace, patience_s=0.5))
    urls = expand(
        [f"{closed}/patience/3600/a.mp4", f"{closed}/gone/b.mp4", f"{open_}/good/c.mp4", f"{open_}/gone/d.mp4"]
    )
    lake = Lake(films / "lake")
    report = harvest(urls, lake, impatient)
    assert _states(lake) == {
        "patience/3600/a.mp4": ("failed", "rate_limited", 1), "gone/b.mp4": ("pending", None, 0),
        "good/c.mp4": ("done", None, 1), "gone/d.mp4": ("failed", "gone", 1),
    }  # fmt: skip
    assert (report.books.pending, report.books.balanced) == (1, True)
    assert not any("gone/b" in path for _, _, path, _ in bad_site.asked)
    _an_hour_later(lake)
    again = harvest(urls, lake, replace(impatient, retry_failed=False))
    assert _states(lake)["gone/b.mp4"][:2] == ("failed", "gone")
    assert _states(lake)["patience/3600/a.mp4"][0] in ("done", "rejected")  # the same film as c.mp4: a copy
    assert again.books.pending == 0


def test_retry_of_one_class_by_command(
    films: Path, polite: HarvestConfig, served: Callable[..., str], bad_site: Any
) -> None:
    base = served(bad_site, "127.0.2.4")
    lake = Lake(films / "lake")
    impatient = replace(polite, pace=replace(polite.pace, patience_s=0.0))
    harvest([f"{base}/patience/1/a.mp4", f"{served(bad_site, '127.0.2.5')}/gone/b.mp4"], lake, impatient)
    named = ["--lake", str(films / "lake")]
    status = json.loads(CliRunner().invoke(app, ["harvest", "status", *named, "--json"]).stdout)
    assert (status["asked"], status["failed"], status["reasons"]) == (2, 2, {"gone": 1, "rate_limited": 1})
    time.sleep(1.1)
    films_ = ["--backend", "truth", "--truth-films", str(films), "--phi", "keypoints"]
    again = ["retry", *named, "--class", "rate_limited", "--allow-private", "--licence", "open", "--workers", "1"]
    result = CliRunner().invoke(app, ["harvest", *again, *films_, "--json"])
    assert json.loads(result.stdout.splitlines()[-1])["done"] == 1, result.stderr
    assert _states(lake)["gone/b.mp4"] == ("failed", "gone", 1)
