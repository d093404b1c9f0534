"""Training as a Prefect flow."""

import time
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.fleet.growth import take_up
from flows.fleet.ranks import Training, found_device, process_count, train_in_ranks
from flows.fleet.told import ProgressBar, markdown_table, run_logger
from flows.training import configured
from storage.lake import Lake
from storage.layout import local_folder
from storage.snapshot import freeze

_LINE_EVERY_S = 30.0


@task(name="train-on-lake", cache_policy=NO_CACHE)
def train_task(training: Training, processes: int) -> dict[str, Any]:
    """Train in this process, or in several that torchrun starts."""
    log = run_logger()
    log.info("%d process(es) on %s", processes, training.config.device)
    return training.run(_Told()) if processes == 1 else train_in_ranks(training, processes, log.info)


@flow(name="train-hmmr", log_prints=True)
def train_flow(
    lake: str = "lake", labelled: list[str] | None = None, out: str = "runs", preset: str = "open",
    steps: int | None = None, hours: float | None = None, seed: int = 0, device: str = "auto",
    grown_to_version: int | None = None, processes: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train HMMR on the lake as it is now and on labelled lakes (folders or s3:// URLs); OUT/.../model.pt is the model.

    `device` auto takes the machine's GPUs, all of them under torchrun, else the CPU. `grown_to_version` is the growth
    of the lake that asked for this run; one that a training has taken up already trains nothing.
    """
    if grown_to_version is not None and not take_up(Lake(lake, create=False), grown_to_version, str(flow_run.id)):
        run_logger().info("growth up to version %d has been taken up by another training", grown_to_version)
        return {"skipped": f"growth up to version {grown_to_version} was taken up before"}
    place_out = local_folder(out)
    where = found_device(device)
    config = configured(preset, steps=steps, seed=seed, device=where)
    snapshot = freeze(Lake(lake, create=False)).digest
    place = place_out / f"{preset}-seed{seed}-{snapshot[:12]}"
    training = Training(lake, tuple(labelled or ["labelled"]), str(place), config, hours, snapshot)
    result = train_task(training, process_count(where, processes))
    create_markdown_artifact(markdown_table(("what", "value"), result), key="training", description="the trained model")
    return result


class _Told:
    """Called every few steps: progress, and a log line with the loss now and then."""

    def __init__(self) -> None:
        self._bar, self._log, self._said_at = ProgressBar("steps of the training"), run_logger(), 0.0

    def __call__(self, step: int, steps: int, terms: dict[str, float]) -> None:
        self._bar.show(step, steps)
        if time.monotonic() - self._said_at > _LINE_EVERY_S or step == steps:
            self._said_at = time.monotonic()
            self._log.info("step %d of %d: %s", step, steps, ", ".join(f"{k} {v:.4g}" for k, v in terms.items()))
