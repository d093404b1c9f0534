"""What a fleet is doing: processes, workers, runs by state, and the ledger's books."""

import base64
import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flows.fleet.machine import Fleet
from storage.errors import LakeError
from storage.lake import Lake
from storage.ledger.items import Books
from storage.ledger.ledger import Ledger

_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class FleetState:
    """As of now. `server` False: nothing of the rest could be asked."""

    server: bool
    workers: dict[str, int] = field(default_factory=dict)
    """Workers that are online, by pool."""
    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    """Runs by flow and state."""
    next_harvest: str | None = None
    """When the schedule starts the next one (ISO 8601)."""
    books: Books | None = None
    """Of the lake; None where there is none."""


def fleet_state(fleet: Fleet | None, lake: str) -> FleetState:
    """Ask the server and the ledger. A server that does not answer is a finding, no error."""
    books = _books(lake)
    if fleet is None:
        return FleetState(False, books=books)
    try:
        pools = [pool["name"] for pool in _post(fleet, "/work_pools/filter")]
        workers = {pool: _online(fleet, pool) for pool in pools}
        return FleetState(True, workers, _runs(fleet), _next_harvest(fleet), books)
    except (OSError, ValueError):
        return FleetState(False, books=books)


def _post(fleet: Fleet, path: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    request = urllib.request.Request(fleet.api_url + path, json.dumps(body or {}).encode())
    request.add_header("Content-Type", "application/json")
    if fleet.auth:
        request.add_header("Authorization", f"Basic {base64.b64encode(fleet.auth.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=10.0) as answer:
        content: list[dict[str, Any]] = json.load(answer)
    return content


def _online(fleet: Fleet, pool: str) -> int:
    return sum(worker["status"] == "ONLINE" for worker in _post(fleet, f"/work_pools/{pool}/workers/filter"))


def _runs(fleet: Fleet) -> dict[str, dict[str, int]]:
    """Of the newest 200 runs that are not merely scheduled."""
    names = {flow["id"]: flow["name"] for flow in _post(fleet, "/flows/filter")}
    begun = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING", *_ENDED]}}}
    rows = _post(fleet, "/flow_runs/filter", {"flow_runs": begun, "sort": "START_TIME_DESC", "limit": 200})
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(names.get(row["flow_id"], "?"), Counter())[str(row["state_type"]).lower()] += 1
    return {flow: dict(states) for flow, states in sorted(counts.items())}


def _next_harvest(fleet: Fleet) -> str | None:
    body = {
        "flows": {"name": {"any_": ["harvest"]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC", "limit": 1,
    }  # fmt: skip
    rows = _post(fleet, "/flow_runs/filter", body)
    return str(rows[0]["expected_start_time"]) if rows else None


def _books(lake: str) -> Books | None:
    try:
        place = Lake(lake, create=False)
        ledger = Ledger.open(place.root)
    except (LakeError, ValueError):
        return None
    try:
        return ledger.books()
    finally:
        ledger.close()
