"""Training as a Prefect flow."""

from pathlib import Path
from typing import Any

from prefect import flow, task

from flows.training import train_on_lake


@task(name="train-on-snapshot")
def train_on_snapshot(**choices: Any) -> dict[str, Any]:
    """Freeze the lake, train on it, write the row of the run."""
    return train_on_lake(**choices)


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
    return train_on_snapshot(
        lake=Path(lake),
        labelled=[Path(folder) for folder in labelled or ["labelled"]],
        out=Path(out),
        preset=preset,
        steps=steps,
        hours=hours,
        seed=seed,
        device=device,
    )
