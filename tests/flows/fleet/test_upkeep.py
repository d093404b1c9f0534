"""Numbers, alerts and the erase queue, on a small lake with a ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.fleet.alerts import KINDS, Alert, Limits, alerts_of, send_new
from flows.fleet.erase_queue import erase_queued
from flows.fleet.gauges import Gauges, measure, prometheus_text
from storage.example_rows import source_name, tracklet_row, video_row
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.tables import rows_to_table


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def clock() -> list[float]:
    return [1_000_000.0]


@pytest.fixture
def ledger(lake: Lake, clock: list[float]) -> Iterator[Ledger]:
    """Four items: one done with its tracklet in the lake, one held, one waiting, one failed and due in 60 s."""
    ledger = Ledger.open(lake.root, clock=lambda: clock[0])
    rows = [tracklet_row(source_name(0))]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    names = [source_name(i) for i in range(4)]
    ledger.ask([Item(name, "example.org", f"https://example.org/{i}") for i, name in enumerate(names)])
    for name in names[:1]:
        ledger.claim("w", 1, only=[name])
        ledger.open_commit("c", "w", {name: Finished(rows[0]["label_key"], 1)})
        ledger.close_commit("c")
    ledger.claim("w", 1, only=[names[1]])
    ledger.claim("v", 1, only=[names[3]])
    ledger.fail(names[3], "v", "rate_limited", retry_in_s=60.0)
    yield ledger
    ledger.close()


def test_the_numbers_are_those_of_the_ledger(lake: Lake, ledger: Ledger, clock: list[float]) -> None:
    clock[0] += 90.0
    gauges = measure(lake, ledger)
    assert gauges.items == {
        ("done", ""): 1,
        ("pending", ""): 1,
        ("pending", "claimed"): 1,
        ("failed", "rate_limited"): 1,
    }
    assert (gauges.held, gauges.waiting, gauges.due) == (1, 1, 1)
    assert (gauges.oldest_lease_s, gauges.quiet_s, gauges.banned_hosts) == (90.0, 90.0, 0)
    ledger.hosts.ban("example.org", clock[0] + 60)
    assert measure(lake, ledger).banned_hosts == 1


def test_prometheus_reads_them(lake: Lake, ledger: Ledger) -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(prometheus_text(measure(lake, ledger)))
    }
    items = {tuple(sorted(sample.labels.items())): sample.value for sample in families["hmmr_items"].samples}
    assert items[("reason", "rate_limited"), ("state", "failed")] == 1
    assert families["hmmr_queue_depth"].samples[0].value == 1
    assert families["hmmr_disk_free_bytes"].samples[0].value > 0


def test_prometheus_reads_the_seconds_of_each_stage(lake: Lake, ledger: Ledger) -> None:
    """Of the last hour's videos; what a stranger wrote there is left out."""
    spent = ['{"pose": {"wall": 2.0, "cpu": 3.0}}', '{"pose": {"wall": 1.5}, "decode": {"wall": "long"}}', "no JSON"]
    old = video_row(
        source_name(8), stage_seconds='{"pose": {"wall": 100}}', committed_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    new = [
        video_row(source_name(n), stage_seconds=text, committed_at=datetime.now(UTC)) for n, text in enumerate(spent)
    ]
    lake.append("videos", rows_to_table("videos", [old, *new]))
    families = {f.name: f for f in text_string_to_metric_families(prometheus_text(measure(lake, ledger)))}
    seconds = {(s.labels["stage"], s.labels["kind"]): s.value for s in families["hmmr_stage_seconds"].samples}
    assert seconds == {("pose", "wall"): 3.5, ("pose", "cpu"): 3.0}


WELL = Gauges({}, 0, 0, 0, None, None, 0, 0.0, {}, 0, 10**12)


@pytest.mark.parametrize(
    ("gauges", "problems", "kind"),
    [
        (WELL, 0, None),
        (replace(WELL, waiting=3, quiet_s=3600.0), 0, None),
        (replace(WELL, quiet_s=9e9), 0, None),
        (replace(WELL, waiting=3, quiet_s=7 * 3600.0), 0, "no_progress"),
        (replace(WELL, banned_hosts=1), 0, "ban"),
        (WELL, 2, "books"),
        (replace(WELL, free_bytes=10**9), 0, "disk"),
    ],
)
def test_what_is_worth_an_alert(gauges: Gauges, problems: int, kind: str | None) -> None:
    alerts = alerts_of(gauges, problems, Limits())
    assert [alert.kind for alert in alerts] == ([kind] if kind else [])
    assert all(alert.kind in KINDS for alert in alerts)


def test_an_alert_is_sent_when_it_begins_and_again_when_it_comes_back(lake: Lake) -> None:
    sent: list[Alert] = []
    disk, ban = Alert("disk", "1 GB"), Alert("ban", "1 host")
    for now in ([disk], [disk, ban], [ban], [disk, ban]):
        send_new(lake, now, sent.append)
    assert [alert.kind for alert in sent] == ["disk", "ban", "disk"]


def test_wishes_are_done_and_taken_out_of_the_file(lake: Lake, ledger: Ledger, tmp_path: Path) -> None:
    queue = tmp_path / "erase.txt"
    assert erase_queued(lake, ledger, queue) == (0, 0)
    queue.write_text(f"# kept\n{source_name(0)}\nhttps://example.org/never-asked\n")
    assert erase_queued(lake, ledger, queue) == (1, 1)
    assert lake.read("tracklets", ["tracklet_id"]).num_rows == 0
    first, reason, wish = queue.read_text().splitlines()
    assert (first, wish) == ("# kept", "https://example.org/never-asked")
    assert reason.startswith("# not done: ")
    assert erase_queued(lake, ledger, queue) == (0, 1)
    assert len(queue.read_text().splitlines()) == 3, "the reason is not piled up"
