"""A worker of the harvest as a Prefect flow: any pool may run any number of them on one ledger."""

from typing import Any

from prefect import flow

from flows.fleet.harvest_settings import read_settings
from flows.fleet.plan_file import read_plan
from flows.fleet.told import HarvestLog, show_funnel
from harvest.run import harvest_planned
from storage.lake import Lake


@flow(name="harvest-worker", log_prints=True, validate_parameters=False)
def harvest_worker_flow(
    lake: str = "lake", plan: str | None = None, config: dict[str, Any] | None = None, opt_out: str | None = None
) -> dict[str, Any]:
    """Work on the items of a plan, or (None) on all that is pending or due in the lake's ledger, until none is left.

    The ledger hands each item to one worker at a time; a worker that dies loses its items to the others when its lease
    has run out.
    """
    place = Lake(lake)
    item_ids = None if plan is None else read_plan(place, plan)
    report = harvest_planned(item_ids, place, read_settings(config, opt_out), HarvestLog())
    show_funnel(report)
    return report.as_dict()
