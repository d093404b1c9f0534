"""The harvest as a Prefect flow: plan the list, let workers of any pool do it, sum up.

The ledger is the truth. Two of these flows at once do no harm, and one that is killed is gone on with by the next.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_client, task
from prefect.cache_policies import NO_CACHE

from flows.fleet.alerts import Alert, emit
from flows.fleet.automations import crash_silent_runs, ensure
from flows.fleet.crew import Crew, is_deployed, working_on
from flows.fleet.emit_now import emit_now
from flows.fleet.growth import Growth, announce_growth
from flows.fleet.harvest_settings import as_parameter, read_settings
from flows.fleet.plan_file import drop_plan, write_plan
from flows.fleet.told import HarvestLog, ProgressBar, run_logger, show_funnel
from harvest.config import HarvestConfig
from harvest.run import HarvestReport, Plan, harvest_planned, plan, report_on
from harvest.sources.expand import Source
from harvest.sources.lists import LIST_SUFFIXES
from storage.lake import Lake
from storage.ledger.items import PENDING
from storage.ledger.ledger import Ledger


class HarvestFailedError(RuntimeError):
    """The harvest did what it could, and that is not what was asked for. Nothing is trained on it."""


@task(name="plan", retries=2, retry_delay_seconds=30, cache_policy=NO_CACHE)
def plan_list(sources: str, lake: str, config: HarvestConfig) -> Plan:
    """Ask for what the list holds, once for all workers."""
    planned = plan([Path(sources)], Lake(lake), config)
    run_logger().info("%d items in the list, %d to be worked on", len(planned.asked), len(planned.turn))
    return planned


@task(name="harvest-here", cache_policy=NO_CACHE)
def harvest_here(lake: str, config: HarvestConfig, item_ids: Sequence[str]) -> None:
    """Work on the items in this process."""
    harvest_planned(item_ids, Lake(lake), config, HarvestLog())


@task(name="harvest-by-workers", cache_policy=NO_CACHE)
def harvest_by_workers(
    lake: str, config: dict[str, Any], opt_out: str | None, item_ids: Sequence[str], workers: int
) -> None:
    """Start worker runs, as many as are missing, and wait for them. RuntimeError if they cannot do it."""
    name = write_plan(Lake(lake), item_ids)
    log, bar = run_logger(), ProgressBar("items of the list that have ended", every_s=15.0)
    with get_client(sync_client=True) as client:
        crew = Crew(client, {"lake": lake, "plan": name, "config": config, "opt_out": opt_out}, log.info)
        # whoever was killed a moment ago still counts as working: one run is always started
        crew.start(max(1, workers - working_on(client, lake)))
        crew.wait(lambda: bar.show(*_ended(lake, item_ids)) if bar.due else None)
    bar.show(1, 1)
    drop_plan(Lake(lake), name)
    if crew.failed:
        raise HarvestFailedError(f"{len(crew.failed)} worker runs failed: {crew.failed[0]}")


@flow(name="harvest", log_prints=True, validate_parameters=False)
def harvest_flow(
    sources: str = "sources.yaml", lake: str = "lake", grow_hours: float = 1.0,
    config: HarvestConfig | dict[str, Any] | None = None, workers: int = 1, failed_share: float = 0.5,
    opt_out: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Harvest a list file with `workers` runs of harvest-worker (0: in this process), then say `hmmr.lake.grew` when
    `grow_hours` hours came in since the last training that was asked for.

    Prefect sees the list's path, never a URL. Fails, and announces nothing, if a list could not be read, if more than
    `failed_share` of the items that were worked on failed, or if the workers could not work.
    """
    settings = read_settings(config, opt_out)
    planned = plan_list(sources, lake, settings)
    turn = [source.item_id for source in planned.turn if source.problem is None]
    if turn and workers > 0 and _has_workers():
        harvest_by_workers(lake, as_parameter(config), opt_out, turn, workers)
    elif turn:
        harvest_here(lake, settings, turn)
    report = report_on(planned.asked, Lake(lake))
    show_funnel(report)
    _judge(planned, report_on(planned.turn, Lake(lake)), failed_share)
    announce_growth(Lake(lake), grow_hours, _send)
    return report.as_dict()


def _has_workers() -> bool:
    with get_client(sync_client=True) as client:
        deployed = is_deployed(client)
        if deployed:
            ensure(client, [crash_silent_runs()])
    if not deployed:
        run_logger().warning("no deployment harvest-worker on this server: the harvest is done in this process")
    return deployed


def _ended(lake: str, item_ids: Sequence[str]) -> tuple[int, int]:
    ledger = Ledger.open(Lake(lake).root)
    try:
        pending = {entry.item.item_id for entry in ledger.entries(PENDING)}
    finally:
        ledger.close()
    return sum(item_id not in pending for item_id in item_ids), len(item_ids)


def _judge(planned: Plan, of_turn: HarvestReport, failed_share: float) -> None:
    """HarvestFailedError if a list could not be read or too much of this run's work failed."""
    unreadable = [source for source in planned.asked if source.problem is not None and _is_list(source)]
    if unreadable:
        ids = ", ".join(source.item_id[:16] for source in unreadable)
        raise HarvestFailedError(f"lists that could not be read: {ids}; `hmmr harvest status` names them")
    books = of_turn.books
    if books.failed > failed_share * books.asked:
        reasons = ", ".join(f"{count} {reason}" for reason, count in of_turn.reasons.items())
        why = f"{books.failed} of {books.asked} items failed, more than the share {failed_share:g} that may ({reasons})"
        emit(Alert("failed_share", why))
        raise HarvestFailedError(f"{why}; `hmmr harvest status` names them")
    if books.pending:
        run_logger().warning("%d items stay pending: their host is not to be asked now", books.pending)


def _is_list(source: Source) -> bool:
    is_list_file = not source.is_url and Path(source.address).suffix.lower() in LIST_SUFFIXES
    return is_list_file or source.max_entries is not None


def _send(growth: Growth) -> None:
    emit_now("hmmr.lake.grew", "hmmr.lake", {"version": growth.version, "hours": growth.hours})
