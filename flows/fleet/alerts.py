"""What somebody should look at, as events that Prefect automations act on: `hmmr.alert.KIND`, once when it begins.

failed_share: a harvest failed. no_progress: items wait and nothing moves. ban: a host has shut us out. books: reconcile
found what it may not repair. disk: little space is left. Messages hold counts, and no name of a source or host.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import CallWebhook, DoNothing
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.fleet.automations import ensure
from flows.fleet.emit_now import emit_now
from flows.fleet.gauges import Gauges
from storage.json_text import BadJsonError, read_json
from storage.lake import Lake

KINDS = ("failed_share", "no_progress", "ban", "books", "disk")
BLOCK = "hmmr-alerts"
"""Name of the webhook that alerts go to."""


@dataclass(frozen=True)
class Limits:
    """When something is worth an alert."""

    quiet_s: float = 6 * 3600.0
    """Items wait, and none has changed for so long."""
    free_bytes: float = 10e9


@dataclass(frozen=True)
class Alert:
    """One thing to look at."""

    kind: str
    message: str


def alerts_of(gauges: Gauges, problems: int, limits: Limits) -> list[Alert]:
    """What is wrong by these numbers; `problems`: how many reconcile left to a human."""
    alerts = []
    if gauges.waiting and gauges.quiet_s is not None and gauges.quiet_s > limits.quiet_s:
        hours = gauges.quiet_s / 3600
        alerts.append(Alert("no_progress", f"{gauges.waiting} items wait, and nothing has changed for {hours:.1f} h"))
    if gauges.banned_hosts:
        alerts.append(Alert("ban", f"{gauges.banned_hosts} hosts have shut us out for now"))
    if problems:
        alerts.append(Alert("books", f"{problems} problems that reconcile may not repair: hmmr lake reconcile"))
    if gauges.free_bytes < limits.free_bytes:
        alerts.append(Alert("disk", f"{gauges.free_bytes / 1e9:.1f} GB are free"))
    return alerts


def send_new(lake: Lake, alerts: Sequence[Alert], send: Callable[[Alert], object]) -> list[Alert]:
    """Send those that were not there at the last look, and remember these; returns what was sent."""
    before = _before(lake)
    new = [alert for alert in alerts if alert.kind not in before]
    for alert in new:
        send(alert)
    lake.disk.make_folder(f"{lake.root}/fleet")
    lake.disk.write(_file(lake), json.dumps([alert.kind for alert in alerts]).encode())
    return new


def emit(alert: Alert) -> None:
    """The alert as an event."""
    name = f"hmmr.alert.{alert.kind}"
    emit_now(name, name, {"kind": alert.kind, "message": alert.message})


def set_up_alerts(client: SyncPrefectClient, url: str | None) -> None:
    """An automation for each kind of alert: it POSTs the alert as JSON to `url`.

    None: those that are there stay as they are, and new ones only put the alert on record.
    """
    action: CallWebhook | DoNothing = DoNothing()
    kinds = [kind for kind in KINDS if url is not None or not client.read_automations_by_name(_name(kind))]
    if url is not None:
        block = Webhook(method="POST", url=url).save(BLOCK, overwrite=True)  # type: ignore[arg-type]
        text = json.dumps({name: "{{ event.payload." + name + " }}" for name in ("kind", "message")})
        action = CallWebhook(block_document_id=block, payload=text)  # type: ignore[arg-type]
    ensure(client, [_automation(kind, action) for kind in kinds])


def _name(kind: str) -> str:
    return f"alert-{kind.replace('_', '-')}"


def _automation(kind: str, action: CallWebhook | DoNothing) -> AutomationCore:
    trigger = EventTrigger(
        expect={f"hmmr.alert.{kind}"}, posture=Posture.Reactive, threshold=1, within=timedelta(seconds=0)
    )
    return AutomationCore(name=_name(kind), description="flows/fleet/alerts.py", trigger=trigger, actions=[action])


def _before(lake: Lake) -> set[str]:
    try:
        content = read_json(lake.disk.read(_file(lake)))
    except (FileNotFoundError, BadJsonError):
        return set()
    return {str(kind) for kind in content} if isinstance(content, list) else set()


def _file(lake: Lake) -> str:
    return f"{lake.root}/fleet/alerts.json"
