"""The hourly upkeep of a lake as a Prefect flow. Each part stands alone: one that fails does not stop the others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow, get_client, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterEndTime
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from flows.fleet.alerts import Limits, alerts_of, emit, send_new
from flows.fleet.crew import WORKER, is_deployed, working_on
from flows.fleet.erase_queue import erase_queued
from flows.fleet.gauges import measure
from flows.fleet.plan_file import drop_old_plans, write_plan
from flows.fleet.told import markdown_table, run_logger
from harvest.fetch.link_probe import ask, due
from storage.commit import join_small_files
from storage.lake import Lake
from storage.ledger.items import FAILED
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.survival import probe


class MaintenanceFailedError(RuntimeError):
    """Some part of the upkeep could not be done; the log has each error."""


@task(name="part", cache_policy=NO_CACHE)
def part(name: str, work: Callable[[], dict[str, int]]) -> dict[str, int]:
    """One part of the upkeep; its counts go into the log."""
    counts = work()
    run_logger().info("%s: %s", name, ", ".join(f"{count} {what}" for what, count in counts.items()))
    return counts


@flow(name="maintenance", log_prints=True)
def maintenance_flow(
    lake: str = "lake", erase_list: str = "erase.txt", probes: int = 100, keep_runs_days: float = 30.0,
    quiet_hours: float = 6.0, free_gb: float = 10.0,
) -> dict[str, Any]:  # fmt: skip
    """Erase what `erase_list` asks for, prove the books, join small files, try again what is due, ask `probes` old
    addresses whether they live, forget runs older than `keep_runs_days`, and send alerts.

    Alerts: problems in the books, a host that shut us out, items that wait while nothing moves for `quiet_hours`, less
    than `free_gb` of disk. A lake that is not there yet has nothing to keep up.
    """
    if not Lake(lake).read("videos", ["source_id"]).num_rows and not _asked(lake):
        return {}
    upkeep = _Upkeep(lake)
    parts: dict[str, Callable[[], dict[str, int]]] = {
        "erase queue": lambda: upkeep.erase(Path(erase_list)),
        "books": upkeep.prove,
        "compaction": upkeep.join_files,
        "due retries": upkeep.retry,
        "link rot": lambda: upkeep.probe(probes),
        "old runs": lambda: upkeep.forget_runs(keep_runs_days),
        "alerts": lambda: upkeep.alert(Limits(quiet_hours * 3600, free_gb * 1e9)),
    }
    states = {name: part.with_options(name=name)(name, work, return_state=True) for name, work in parts.items()}
    _show(states)
    failed = [name for name, state in states.items() if not state.is_completed()]
    if failed:
        raise MaintenanceFailedError(f"could not be done: {', '.join(failed)}")
    return {name: state.result() for name, state in states.items()}


def _show(states: dict[str, Any]) -> None:
    """What each part came to, as a table on Prefect's page."""
    counts = {name: state.result() if state.is_completed() else {} for name, state in states.items()}
    words = {name: ", ".join(f"{n} {what}" for what, n in part.items()) or "failed" for name, part in counts.items()}
    create_markdown_artifact(markdown_table(("part", "what it came to"), words), key="maintenance",
                             description="the hourly upkeep of the lake")  # fmt: skip


def _asked(lake: str) -> int:
    ledger = Ledger.open(Lake(lake).root)
    try:
        return ledger.books().asked
    finally:
        ledger.close()


class _Upkeep:
    """The parts, on one lake."""

    def __init__(self, lake: str) -> None:
        self._given, self._lake = lake, Lake(lake)
        self._ledger = Ledger.open(self._lake.root)
        self._problems = 0

    def erase(self, queue: Path) -> dict[str, int]:
        done, failed = erase_queued(self._lake, self._ledger, queue)
        if failed:
            run_logger().warning("%d wishes of %s could not be done; the file says why", failed, queue.name)
        return {"erased": done, "not erased": failed}

    def prove(self) -> dict[str, int]:
        found = reconcile(self._lake, self._ledger)
        self._problems = len(found.problems)
        return {"repaired": len(found.repaired), "problems": self._problems}

    def join_files(self) -> dict[str, int]:
        done = join_small_files(self._lake, many_files=1)
        return {"files joined": sum(done.joined.values()), "swept": sum(done.swept.values())}

    def retry(self) -> dict[str, int]:
        """A worker run for what failed and is due, with the settings of the nightly harvest, unless some are at it.

        What is pending stays to its own harvest, which may have a limit.
        """
        now = self._ledger.clock()
        failed = self._ledger.entries(FAILED)
        ids = [entry.item.item_id for entry in failed if entry.due_at is not None and entry.due_at <= now]
        drop_old_plans(self._lake)
        if not ids:
            return {"due": 0}
        with get_client(sync_client=True) as client:
            if not is_deployed(client) or working_on(client, self._given):
                return {"due": len(ids)}
            try:
                nightly = client.read_deployment_by_name("harvest/harvest").parameters
            except ObjectNotFound:
                nightly = {}
        settings = {name: nightly[name] for name in ("config", "opt_out") if nightly.get(name) is not None}
        wanted = {"lake": self._given, "plan": write_plan(self._lake, ids), **settings}
        run_deployment(f"{WORKER}/{WORKER}", parameters=wanted, timeout=0, as_subflow=False)
        return {"due": len(ids), "runs started": 1}

    def probe(self, count: int) -> dict[str, int]:
        return {"addresses asked": probe(self._lake, due(self._lake, count), ask)}

    def forget_runs(self, days: float) -> dict[str, int]:
        """Runs of Prefect that ended long ago. What they made is in the lake."""
        before = datetime.now(UTC) - timedelta(days=days)
        old = FlowRunFilter(end_time=FlowRunFilterEndTime(before_=before))  # type: ignore[arg-type]
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(flow_run_filter=old, limit=200)
            for run in runs:
                client.delete_flow_run(run.id)
        return {"forgotten": len(runs)}

    def alert(self, limits: Limits) -> dict[str, int]:
        alerts = alerts_of(measure(self._lake, self._ledger), self._problems, limits)
        return {"found": len(alerts), "sent": len(send_new(self._lake, alerts, emit))}
