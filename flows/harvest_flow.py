"""The harvest as a Prefect flow: what is new in a source list goes into the lake."""

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.events import emit_event

from harvest.config import HarvestConfig
from harvest.run import harvest
from storage.lake import Lake
from storage.stats import hours_since_training


@task(name="harvest-list", retries=2, retry_delay_seconds=60)
def harvest_list(sources: str, lake: str, config: HarvestConfig) -> dict[str, Any]:
    """Harvest a list file. Prefect sees its path, never a URL, so that its database holds nothing to erase."""
    return harvest([Path(sources)], Lake(lake), config).as_dict()


@flow(name="harvest", log_prints=True, validate_parameters=False)
def harvest_flow(
    sources: str = "sources.yaml", lake: str = "lake", grow_hours: float = 1.0, config: HarvestConfig | None = None
) -> dict[str, Any]:
    """Harvest, then say `hmmr.lake.grew` when `grow_hours` hours came in since the last training run."""
    report = harvest_list(sources, lake, config or HarvestConfig())
    grown = hours_since_training(Lake(lake))
    if grown >= grow_hours:
        emit_event(
            "hmmr.lake.grew",
            resource={"prefect.resource.id": "hmmr.lake"},
            payload={"version": Lake(lake).version("tracklets"), "hours": grown},
        )
    return report
