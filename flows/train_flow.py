"""Training as a Prefect flow."""

from pathlib import Path
from typing import Any

from prefect import flow, task

from flows.training import configured, train_on_lake
from storage.lake import Lake
from storage.snapshot import freeze

train_task = task(name="train-on-lake")(train_on_lake)


@flow(name="train-hmmr", log_prints=True)
def train_flow(
    lake: str = "lake",
    labelled: list[str] | None = None,
    out: str = "runs",
    preset: str = "open",
    steps: int | None = None,
    hours: float | None = None,
    seed: int = 0,
    device: str = "cpu",
    grown_to_version: int | None = None,
) -> dict[str, Any]:
    """Train HMMR. `grown_to_version` only says which growth of the lake asked for it; the lake itself is read."""
    config = configured(preset, steps=steps, seed=seed, device=device)
    folders = [Path(folder) for folder in labelled or ["labelled"]]
    snapshot = freeze(Lake(lake, create=False)).digest
    place = Path(out) / f"{preset}-seed{seed}-{snapshot[:12]}"
    return train_task(Path(lake), folders, place, config, hours=hours, snapshot=snapshot)
