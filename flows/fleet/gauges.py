"""A harvest in numbers of one moment, from the ledger, the table `videos` and the disk; and as Prometheus wants it."""

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pyarrow.compute as pc
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from storage.lake import Lake
from storage.ledger.items import FAILED, PENDING
from storage.ledger.ledger import Ledger
from storage.ledger.tables import HOSTS, ITEMS
from storage.stats import stage_seconds

_RATE_S = 3600.0


@dataclass(frozen=True)
class Gauges:
    """Counts of items and seconds, bytes, frames. `None`: there is nothing that it could be measured on."""

    items: dict[tuple[str, str], int]
    """By state and reason ('' where there is none)."""
    waiting: int
    """Pending items that no worker holds."""
    held: int
    """Pending items that a worker holds."""
    due: int
    """Failed items whose next try is due."""
    oldest_lease_s: float | None
    """How long the item that has been held longest has been held."""
    quiet_s: float | None
    """Since any item changed."""
    banned_hosts: int
    frames_per_s: float
    """Decoded frames of the videos that came into the lake within the last hour, by second of that hour."""
    stage_seconds: dict[tuple[str, str], float]
    """Seconds that labelling those videos took, by stage and kind (wall, cpu; gpu where one was used)."""
    video_bytes: int
    """Size of all videos that were labelled; they are not kept."""
    free_bytes: int
    """On the disk of the lake, or of a lake on S3 where workers of this machine work."""


def measure(lake: Lake, ledger: Ledger) -> Gauges:
    """Measure now."""
    now = ledger.clock()
    with ledger.engine.begin() as connection:
        counts = connection.execute(
            select(ITEMS.c.state, ITEMS.c.reason, func.count()).group_by(ITEMS.c.state, ITEMS.c.reason)
        ).tuples()
        items = {(state, reason or ""): count for state, reason, count in counts}
        held = ITEMS.c.worker.is_not(None)
        pending = select(func.count(), func.min(ITEMS.c.changed_at)).where(ITEMS.c.state == PENDING)
        n_held, since = connection.execute(pending.where(held)).one()
        waiting, _ = connection.execute(pending.where(~held)).one()
        due = connection.execute(
            select(func.count()).select_from(ITEMS).where(ITEMS.c.state == FAILED, ITEMS.c.due_at <= now)
        ).scalar_one()
        changed = connection.execute(select(func.max(ITEMS.c.changed_at))).scalar()
        banned = connection.execute(
            select(func.count()).select_from(HOSTS).where(HOSTS.c.banned_until > now)
        ).scalar_one()
    lately = datetime.now(UTC) - timedelta(seconds=_RATE_S)
    videos = lake.read("videos", ["n_frames", "stage_seconds"], pc.field("committed_at") > lately)
    seconds = Counter[tuple[str, str]]()
    for text in videos.column("stage_seconds").to_pylist():
        for stage, kinds in stage_seconds(text).items():
            seconds.update({(stage, kind): spent for kind, spent in kinds.items()})  # type: ignore[dict-item]
    return Gauges(
        items=items, waiting=waiting, held=n_held, due=due,
        oldest_lease_s=None if since is None else max(0.0, now - since),
        quiet_s=None if changed is None else max(0.0, now - changed), banned_hosts=banned,
        frames_per_s=float(pc.sum(videos.column("n_frames")).as_py() or 0) / _RATE_S,
        stage_seconds=dict(seconds),
        video_bytes=int(pc.sum(lake.read("videos", ["bytes"]).column("bytes")).as_py() or 0),
        free_bytes=shutil.disk_usage("." if lake.layout.remote else lake.root).free,
    )  # fmt: skip


def prometheus_text(gauges: Gauges) -> str:
    """The same in Prometheus' text format."""
    registry = CollectorRegistry()
    items = Gauge("hmmr_items", "Items of the ledger", ["state", "reason"], registry=registry)
    for (state, reason), count in gauges.items.items():
        items.labels(state=state, reason=reason).set(count)
    stages = Gauge("hmmr_stage_seconds", "Spent on videos of the last hour", ["stage", "kind"], registry=registry)
    for (stage, kind), spent in gauges.stage_seconds.items():
        stages.labels(stage=stage, kind=kind).set(spent)
    for name, meaning, value in (
        ("hmmr_queue_depth", "Pending items that no worker holds", gauges.waiting),
        ("hmmr_items_held", "Pending items that a worker holds", gauges.held),
        ("hmmr_items_due", "Failed items whose next try is due", gauges.due),
        ("hmmr_oldest_lease_seconds", "Age of the oldest lease", gauges.oldest_lease_s),
        ("hmmr_quiet_seconds", "Since any item changed", gauges.quiet_s),
        ("hmmr_banned_hosts", "Hosts that have shut us out for now", gauges.banned_hosts),
        ("hmmr_frames_per_second", "Decoded frames over the last hour", gauges.frames_per_s),
        ("hmmr_video_bytes", "Size of all videos that were labelled", gauges.video_bytes),
        ("hmmr_disk_free_bytes", "Free space where the harvest works", gauges.free_bytes),
    ):
        if value is not None:
            Gauge(name, meaning, registry=registry).set(value)
    return str(generate_latest(registry).decode())


def serve_metrics(lake: Lake, ledger: Ledger, port: int) -> None:
    """Answer GET /metrics on loopback with what is measured then, until Ctrl-C."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = prometheus_text(measure(lake, ledger)).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", port), Answer) as server, suppress(KeyboardInterrupt):
        server.serve_forever()
